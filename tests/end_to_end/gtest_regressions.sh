#!/usr/bin/env bash
# FORESEED_REGRESSIONS: one test for each trace that a test of the program left and somebody kept; those of other programs
# are none of its business; a directory or trace that cannot be read is a failed test.
#   gtest_regressions.sh PROGRAM FOREIGN_TRACE
set -u
program=$(realpath "$1") foreign=$(realpath "$2")
. "$(dirname "$0")/../expect.sh"

expect 1 'kept: .*(No such file|cannot be read)' "$program" --gtest_filter='*Regressions*'
mkdir kept
expect 0 'Running 0 tests' "$program" --gtest_filter='*Regressions*'
# What the tests leave behind, kept.
expect 1 'replay: FORESEED_REPLAY=results/Order.FirstIsLast-' "$program" --gtest_filter=Order.FirstIsLast
mv results/Order.FirstIsLast-*.json kept/first-is-last.json
expect 1 'crash: segmentation fault' "$program" --gtest_filter=Order.Crashes
mv results/Order.Crashes-*.json kept/crashes.json
cp "$foreign" kept/foreign.json
expect 0 'Holds/first_is_last' "$program" --gtest_list_tests
[ "$("$program" --gtest_list_tests | grep -c Holds/)" -eq 2 ] || fail "other tests than two"
expect 1 'still fails: kept/first-is-last.json: .*Expected equality' "$program" --gtest_filter='*Holds/first_is_last'
expect 1 'still fails: kept/crashes.json' "$program" --gtest_filter='*Holds/crashes'
expect 0 'PASSED.* 2 tests' env REPAIRED=1 "$program" --gtest_filter='*Regressions*'
echo '{' >kept/broken.json
expect 1 'broken.json: not JSON' env REPAIRED=1 "$program" --gtest_filter='*Regressions*'

ends "gtest regressions"
