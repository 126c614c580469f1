#!/usr/bin/env bash
# Installs what is missing, builds everything (warnings are errors) and runs every test.
#   scripts/test.sh [PRESET..]     presets of CMakePresets.json; default: release
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
scripts/bootstrap.sh --tests
[ $# -ne 0 ] || set -- release
for preset in "$@"; do
  cmake --preset "$preset" -DFORESEED_TESTS=ON -DFORESEED_WERROR=ON >/dev/null
  cmake --build --preset "$preset"
done
for preset in "$@"; do
  ctest --preset "$preset" -j "$(nproc)" --no-tests=error
done
