#!/usr/bin/env bash
# --races explore, and warnings, from the command line.
#   races.sh CONCURRENCY
set -u
concurrency=$(realpath "$1")
. "$(dirname "$0")/../expect.sh"
# What a race does: an update is lost. Each way to look for it, and the replay.
expect 1 'data race: ' "$concurrency" check wrong_lock_broken
rm -r results
for verb in check explore; do
  expect 1 'failed: wrong_lock_broken: check failed: FORESEED_CHECK\(counter == 2\)' \
    "$concurrency" $verb wrong_lock_broken --races explore --trace-out lost.json
  grep -qE 'T[12]: racing write, .*stages.cc:' <<<"$output" || fail "no racing write: $output"
  expect 1 'reproduced: wrong_lock_broken: check failed' "$concurrency" replay lost.json
  expect 1 'reproduced: wrong_lock_broken: check failed' "$concurrency" replay 1 --db results/foreseed.db --no-fork
  rm -r results
done
grep -q '"racy_sites":\[[0-9]' lost.json || fail "the trace has no racy sites"
# The same in parts, by two processes.
expect 1 'failed: wrong_lock_broken: 2 executions complete' "$concurrency" explore wrong_lock_broken --races explore --jobs 2
expect 0 'held: wrong_lock: ' "$concurrency" check wrong_lock --races explore --runs 100
unexpected 'warning: '
# One that does no harm is a warning, and with --strict a failure.
expect 1 'data race: ' "$concurrency" check account_read_without_lock
expect 0 'warning: account_read_without_lock: data races at these places' "$concurrency" check account_read_without_lock --races explore
expect 1 'racy, .*account.cc:[0-9]+' "$concurrency" check account_read_without_lock --races explore --strict

# A lock order that did not deadlock in this execution is a warning; also to who looks at the trace.
for seed in 0 1 2 3 4 5 6 7 8 9; do
  "$concurrency" run account_transfer_deadlock --seed $seed --strategy uniform --trace-out held.json >out 2>&1 && break
done
grep -q 'warning: account_transfer_deadlock: lock order: T[12] takes mutex#' out || fail "no warning: $(cat out)"
expect 0 'warning: lock order: ' "$concurrency" show held.json
expect 0 'warning: account_transfer_deadlock: lock order: ' \
  "$concurrency" check account_transfer_deadlock --seed $seed --runs 1 --strategy uniform
expect 1 '"event":"warning"' "$concurrency" check account_transfer_deadlock --seed $seed --runs 1 --strategy uniform --strict --json
expect 0 'held: account_transfer: ' "$concurrency" check account_transfer --runs 100 --strict
expect 0 'held: philosophers_3: ' "$concurrency" explore philosophers_3 --strict
ends races
