#!/bin/bash
# All properties, RUNS executions each, from a seed that nobody chose; it is printed, to be run again with --seed.
set -euo pipefail
program=$1 runs=$2
seed=${FORESEED_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
database=$(mktemp -d)/properties.db
trap 'rm -rf "$(dirname "$database")"' EXIT
echo "seed $seed"
"$program" check --all --runs "$runs" --jobs 2 --seed "$seed" --keep-going --run-timeout 120s --db "$database"
