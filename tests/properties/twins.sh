#!/bin/bash
# Every property has a twin that it must catch, within 3,000 executions, and whose smallest parameters are shown.
set -euo pipefail
twins=$1 properties=$2
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
names() { "$1" list --json | sed -n 's/.*"scenario":"\([^"]*\)".*/\1/p' | sort; }
diff <(names "$properties") <(names "$twins") || { echo "a property without a known-bad twin"; exit 1; }
for name in $(names "$twins"); do
  status=0
  output=$("$twins" check "$name" --runs 3000 --jobs 2 --run-timeout 120s --db "$directory/twins.db") || status=$?
  if [ "$status" != 1 ] || ! grep -q "given " <<< "$output" || ! grep -q "^replay: " <<< "$output"; then
    echo "$name: status $status"
    echo "$output"
    exit 1
  fi
  echo "$name: $(sed -n 's/^failed: [^:]*: \([0-9]* executions\).*/\1/p' <<< "$output") $(grep -m1 "minimized" <<< "$output" || true)"
done
