#!/usr/bin/env bash
# The daemons under ThreadSanitizer, asked what the conformance suite asks: see tests/models/conformance.h.
# Builds them in build/tsan, which takes a few minutes the first time. Exit 0: they conform, and no data race was seen.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
cmake --preset tsan -DFORESEED_TESTS=ON -DFORESEED_WERROR=ON >/dev/null
cmake --build --preset tsan --target iam oms workflow_daemon conformance
export TSAN_OPTIONS="halt_on_error=1 ${TSAN_OPTIONS:-}"
ctest --preset tsan -R '^models\.conformance$' --no-tests=error
