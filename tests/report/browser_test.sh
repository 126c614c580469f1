#!/usr/bin/env bash
# Makes reports and looks at them in headless Chromium (browser_test.mjs). Exit 77: skipped, the browser is not installed.
#   browser_test.sh FORESEED SOURCE MODULES      MODULES: where scripts/bootstrap.sh --tests put node_modules
set -eu
foreseed=$(realpath "$1") source=$(realpath "$2") modules=$(realpath -m "$3")
chromium=$(command -v chromium || true)
if [ -z "$chromium" ] || ! command -v node >/dev/null || [ ! -d "$modules/node_modules/playwright-core" ]; then
  echo "skipped: no chromium, node or playwright-core; scripts/bootstrap.sh --tests installs them"
  exit 77
fi
work=${REPORT_TEST_DIR:-$(mktemp -d)}
[ -n "${REPORT_TEST_DIR:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
cd "$work"
python3 "$source/tests/report/make_traces.py" .
"$foreseed" check hasty_breaker --no-minimize --strategy uniform --db r.db --trace-out hasty.json >/dev/null || [ $? -eq 1 ]
"$foreseed" check naive_breaker --strategy uniform --db r.db --trace-out race.json >/dev/null || [ $? -eq 1 ]
"$foreseed" run flap_square --strategy uniform --seed 3 --db r.db --trace-out network.json >/dev/null
mkdir source && cd source && cp -r "$source/scenarios" . && cd ..
(cd source && "$foreseed" report "$work/hasty.json" --out "$work/failure.html")
for name in race network hostile everything 5000 100000; do "$foreseed" report $name.json >/dev/null; done
node "$source/tests/report/browser_test.mjs" "$modules" "$chromium" "$(realpath .)"
