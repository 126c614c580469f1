#!/usr/bin/env bash
# Throws changed traces at the reader, under AddressSanitizer and UBSan (clang's libFuzzer).
#   scripts/fuzz.sh [SECONDS]      default: 60; what it finds is left in build/fuzz
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
cmake --preset release -DFORESEED_TESTS=ON >/dev/null
cmake --build --preset release --target fuzz
mkdir -p build/fuzz/corpus
build/release/tests/fuzz/trace_fuzz build/fuzz/corpus tests/fuzz/corpus -max_total_time="${1:-60}" -timeout=10 -rss_limit_mb=2048 \
  -artifact_prefix=build/fuzz/ -print_final_stats=1
