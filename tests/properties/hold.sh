#!/bin/bash
# hold.sh PROGRAM RUNS [NAME..]: all properties, or these, RUNS executions each, from a seed that nobody chose; it is
# printed, to be run again as FORESEED_SEED (S4-34). FORESEED_JOBS: worker processes (2).
set -euo pipefail
program=$1 runs=$2
shift 2
[ $# -gt 0 ] || set -- --all
seed=${FORESEED_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
database=$(mktemp -d)/properties.db
trap 'rm -rf "$(dirname "$database")"' EXIT
echo "seed $seed"
"$program" check "$@" --runs "$runs" --jobs "${FORESEED_JOBS:-2}" --seed "$seed" --keep-going --run-timeout 120s --db "$database"
