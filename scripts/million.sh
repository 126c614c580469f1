#!/usr/bin/env bash
# The long run: every property of the components, a million executions each, across configurations, schedules and faults,
# from a seed that nobody chose. Prints the seed and each property's count; exit 1 where one fails (docs/properties.md).
#   scripts/million.sh [RUNS [NAME..]]
# FORESEED_SEED and FORESEED_JOBS (2) are taken from the environment; it gives way to whatever else wants the processors.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
scripts/bootstrap.sh
[ -e build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release --target properties >/dev/null
runs=${1:-1000000}
[ $# -eq 0 ] || shift
exec nice -n 19 tests/properties/hold.sh build/release/properties "$runs" "$@"
