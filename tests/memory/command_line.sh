#!/usr/bin/env bash
# --memory on the command line: kept in the trace, used by replay, told by show.
set -u
program=$(realpath "$1")
. "$(dirname "$0")/../expect.sh"

expect 0 'held: hopeful_dekker: 1000 executions' "$program" check hopeful_dekker
for model in tso c11; do
  expect 1 'inside.exchange' "$program" check hopeful_dekker --memory $model --trace-out $model.json
  expect 1 'reproduced: hopeful_dekker: check failed' "$program" replay $model.json
  expect 0 'atomic_load .*reads what was there first' "$program" show $model.json --all
  expect 1 'reproduced: hopeful_dekker: check failed' "$program" replay 1
  rm -rf results
done
seed=$(sed -n 's/.*"seed":"\([0-9]*\)".*/\1/p' c11.json)
expect 1 'inside.exchange' "$program" run hopeful_dekker --memory c11 --seed "$seed"
expect 2 'memory.*sc.*tso.*c11' "$program" check hopeful_dekker --memory alpha
ends "memory models"
