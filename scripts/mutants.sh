#!/usr/bin/env bash
# Real defects, planted one at a time: the table of mutants, and exit 1 where one survives (docs/mutants.md).
#   scripts/mutants.sh [--runs 10000] [--jobs 2] [--json FILE] [--verbose] [FILTER..]
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
scripts/bootstrap.sh
[ -e build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release --target foreseed_command >/dev/null
exec tests/mutants/run.py --build build/release "$@"
