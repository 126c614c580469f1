#!/usr/bin/env bash
# Whatever the code under test dies of is a failure with its seed, which replays, and which minimises.
set -u
deadly=$(realpath "$1")
. "$(dirname "$0")/../expect.sh"

# death SCENARIO 'MESSAGE' [FLAG..]: found in a campaign, replayed, made small, the rest of the campaign run
death() {
  local name=$1 message=$2
  shift 2
  local limits=(--run-timeout 300ms --memory-limit 64M)
  expect 1 "failed: $name: $message" "$deadly" check "$name" "${limits[@]}" --db "$name.db" --trace-out "$name.json" "$@"
  expect 1 "reproduced: $name: $message" "$deadly" replay "$name.json" "${limits[@]}" "$@"
  expect 0 'preemptions [0-9]+ -> 1,' "$deadly" minimize "$name.json" --trace-out "$name.small.json" "${limits[@]}" --for 10s
  expect 1 "reproduced: $name: $message" "$deadly" replay "$name.small.json" "${limits[@]}"
  # The seed that was told is the one that does it.
  local seed
  seed=$(sed -n 's/.*"seed":"\([0-9]*\)".*/\1/p' "$name.json")
  expect 1 "failed: $name: $message" "$deadly" run "$name" --seed "$seed" "${limits[@]}"
}

for fork in '' --no-fork; do
  death segfault 'crash: segmentation fault' $fork
  death abort 'crash: abort' $fork
  death overflow 'crash: stack overflow' $fork
  death exits 'crash: exit\(0\)' $fork
  death hang 'hang: ' $fork
  death out_of_memory 'out of memory: ' $fork
done
# What only another process can see.
death killed 'died: the process was killed by signal 9'
death gone 'died: the process ended with status 9'
death gone_quietly 'died: the process ended with status 0'
for name in gone gone_quietly; do
  expect 1 "failed: $name: 60 executions .* seeds failed" "$deadly" check $name --runs 60 --keep-going --jobs 2 --no-minimize
done
# A campaign goes on after deaths, and counts them.
expect 1 'failed: killed: 60 executions .* seeds failed' "$deadly" check killed --runs 60 --keep-going --jobs 2 --no-minimize

# What is not the program's failure is told as such, and ends everything.
for verb in check explore 'run --seed 3'; do
  expect 70 'execution of leaves_a_descriptor .* left behind: descriptor' "$deadly" ${verb%% *} leaves_a_descriptor ${verb#"${verb%% *}"}
done

# Who interrupts waits for no execution of minutes.
for verb in check explore; do
  "$deadly" $verb slow --db slow.db >slow.out 2>&1 &
  sleep 1
  kill -TERM $!
  wait $!
  status=$?
  [ $status -eq 3 ] && grep -q ': slow: 0 executions' slow.out || fail "$verb, interrupted: $status, $(cat slow.out)"
done

ends deaths
