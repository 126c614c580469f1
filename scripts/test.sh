#!/usr/bin/env bash
# Installs what is missing, builds everything (warnings are errors) and runs every test.
#   scripts/test.sh [PRESET..]     presets of CMakePresets.json; default: release
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
scripts/bootstrap.sh --tests
[ $# -ne 0 ] || set -- release
for preset in "$@"; do
  cmake --preset "$preset" -DFORESEED_TESTS=ON -DFORESEED_WERROR=ON -DFORESEED_PCH=OFF >/dev/null
  cmake --build --preset "$preset"
done
# What each failed test printed, once more, where a log ends.
tell_failed() {
  local logs=build/$1/Testing/Temporary
  cut -d: -f2- "$logs/LastTestsFailed.log" | while read -r name; do
    printf '\n--- %s\n' "$name"
    awk -v name="$name" '/^[0-9]+\/[0-9]+ Test: / {shown = $3 == name} / Testing: / {shown = 0} shown' "$logs/LastTest.log" | tail -n 60
  done
}
for preset in "$@"; do
  ctest --preset "$preset" -j "$(nproc)" --no-tests=error || { status=$?; tell_failed "$preset"; exit $status; }
done
