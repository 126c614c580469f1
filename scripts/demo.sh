#!/usr/bin/env bash
# foreseed's main job, from nothing: installs what is missing, builds the release, finds the quickstart's bug, replays it
# in a new process, and checks OMS and IAM together. Under 5 minutes on 2 cores.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
scripts/bootstrap.sh
[ -e build/release/build.ninja ] || cmake --preset release -DFORESEED_TESTS=OFF -DFORESEED_PCH=ON >/dev/null
cmake --build --preset release --target demo
foreseed=build/release/demo
say() { printf '\n$ %s\n' "$*"; }

say "$foreseed check naive_breaker"
status=0
"$foreseed" check naive_breaker >build/demo.out || status=$?
cat build/demo.out
[ $status -eq 1 ] || { echo "demo: the quickstart's bug was not found (exit $status)"; exit 1; }

replay=$(sed -n 's/^replay: //p' build/demo.out)
say "$replay"
status=0
$replay || status=$?
[ $status -eq 1 ] || { echo "demo: the failure was not reproduced (exit $status)"; exit 1; }

say "$foreseed check repaired_breaker --runs 100000"
"$foreseed" check repaired_breaker --runs 100000

say "$foreseed check oms_iam_smoke oms_iam_outage --runs 1000 --jobs 2"
"$foreseed" check oms_iam_smoke oms_iam_outage --runs 1000 --jobs 2
printf '\ndemo: found, replayed, and OMS and IAM hold\n'
echo 'all scenarios: cmake --build --preset release --target foreseed_command, then build/release/foreseed list'
