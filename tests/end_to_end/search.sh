#!/usr/bin/env bash
# explore: what interrupts a search, and how many processes do it, changes nothing of what it says.
set -u
searched=$(realpath "$1")
deadly=$(realpath "$2")
. "$(dirname "$0")/../expect.sh"

# What a search says: verdict, counts and findings, without its time.
said() { "$searched" explore "$@" --json --db said.db 2>&1 | sed -E 's/"seconds":[^,}]*,?//; s/(said\.db#[0-9]+|one\.json|three\.json)/TRACE/g'; }

# same 'WHAT' ONE OTHER
same() {
  [ "$2" = "$3" ] && [ -n "$2" ] && return
  fail "$1: these differ"
  diff <(echo "$2") <(echo "$3") | cut -c1-300
}

# The number of processes.
for search in 'readers' 'readers_late --keep-going' 'readers_late' 'drawing --keep-going' 'drawing' 'adders --strategy dfs' \
              'drawing --strategy dfs --keep-going' 'readers_late --keep-going --max-executions 700' \
              'adders --strategy dfs --max-executions 5000' 'drawing --memory c11 --max-executions 3000 --keep-going'; do
  one=$(said $search --trace-out one.json)
  same "$search, in this process and in another" "$(said $search --no-fork)" "$one"
  same "$search, in one process and in three" "$one" "$(said $search --jobs 3 --trace-out three.json)"
  [ ! -e one.json ] || cmp one.json three.json || fail "$search: the failure is another one with three processes"
  rm -f one.json three.json
done
expect 0 '"complete":32768,.*"redundant":0' "$searched" explore readers --json --jobs 2
expect 1 '"complete":1024,.*"failures":2.*"finished":true' "$searched" explore readers_late --json --keep-going
expect 0 '"complete":16384,.*"redundant":0' "$searched" explore older --json
expect 1 '"redundant":0' "$searched" explore drawing --json --keep-going
expect 0 '"complete":12870' "$searched" explore adders --strategy dfs --json

# Time-outs come last, and the summary says so, or they need not.
expect 0 'held: gives_up: .*, time-outs last \(see --timeouts\), dpor' "$searched" explore gives_up
expect 0 '"timeouts_last":true' "$searched" explore gives_up --json
expect 0 'held: gives_up: 10000 executions' "$searched" check gives_up --runs 10000
expect 1 'failed: gives_up: .*, no bound, dpor' "$searched" explore gives_up --timeouts 9 --keep-going
for verb in 'explore' 'check --runs 10000'; do
  expect 1 'failed: gives_up: check failed: ' "$searched" $verb gives_up --timeouts 1 --trace-out gives_up.json
  expect 1 'reproduced: gives_up' "$searched" replay gives_up.json
done

# Kills: whenever a checkpoint was written, until the search comes to its end.
for search in 'readers' 'readers --jobs 3' 'older' 'older --jobs 2' 'adders --strategy dfs' 'adders --strategy dfs --jobs 2' 'drawing --keep-going'; do
  rm -f checkpoint*
  kills=0
  for (( ; ; )); do
    before=$(stat -c %i-%Y-%s checkpoint 2>/dev/null)
    "$searched" explore $search --checkpoint checkpoint --resume --json --db kills.db >killed.txt 2>&1 &
    process=$!
    while kill -0 $process 2>/dev/null && [ "$(stat -c %i-%Y-%s checkpoint 2>/dev/null)" = "$before" ]; do sleep 0.01; done
    [ $kills -lt 4 ] && kill -9 $process 2>/dev/null && kills=$((kills + 1)) && wait $process 2>/dev/null && continue
    wait $process
    status=$?
    [ $status -lt 128 ] && break
  done
  same "$search, killed $kills times" "$(said $search)" "$(sed -E 's/"seconds":[^,}]*,?//; s/kills.db#[0-9]+/TRACE/g' killed.txt)"
  # Once it has come to its end, it says so again.
  same "$search, resumed after its end" "$(said $search)" "$(said $search --checkpoint checkpoint --resume)"
done

# Budgets and Ctrl-C end it between two executions, and --resume goes on.
rm -f checkpoint*
expect 3 'incomplete: readers: 1000 executions' "$searched" explore readers --max-executions 1000 --checkpoint checkpoint --require-complete
expect 3 'incomplete: readers: 1500 executions' "$searched" explore readers --max-executions 1500 --checkpoint checkpoint --resume --require-complete
"$searched" explore readers --checkpoint checkpoint --resume >interrupted.txt 2>&1 &
process=$!
sleep 0.2
kill -INT $process
wait $process
status=$?
[ $status -eq 3 ] || [ $status -eq 0 ] || fail "interrupted: exit $status, $(cat interrupted.txt)"
expect 0 'held: readers: 32768 executions complete, 0 blocked, 0 redundant' "$searched" explore readers --checkpoint checkpoint --resume

# Files that are no checkpoint of this search.
expect 2 'checkpoint is there already: --resume' "$searched" explore readers --checkpoint checkpoint
expect 5 "another search: its scenario is 'readers', not 'adders'" "$searched" explore adders --checkpoint checkpoint --resume
expect 5 "its strategy is 'dpor', not 'dfs'" "$searched" explore readers --strategy dfs --checkpoint checkpoint --resume
expect 5 "its --memory is 'sc', not 'tso'" "$searched" explore readers --memory tso --checkpoint checkpoint --resume
expect 5 "another search: its program is" "$deadly" explore killed --checkpoint checkpoint --resume
head -c -1 checkpoint >cut
expect 5 'cut: a damaged checkpoint' "$searched" explore readers --checkpoint cut --resume
{ head -c 5000 checkpoint; printf x; tail -c +5002 checkpoint; } >changed
expect 5 'changed: a damaged checkpoint' "$searched" explore readers --checkpoint changed --resume
echo '{}' >other
expect 5 'other: no checkpoint' "$searched" explore readers --checkpoint other --resume

# What the code under test dies of is a failure that replays, and the search goes on behind it.
for death in 'segfault crash: segmentation fault' 'abort crash: abort' 'exits crash: exit' 'hang hang: ' \
             'killed died: the process was killed by signal 9' 'gone died: the process ended with status 9'; do
  name=${death%% *}
  for strategy in dpor dfs; do
    expect 1 "failed: $name: ${death#* }" "$deadly" explore "$name" --strategy $strategy --run-timeout 300ms --trace-out "$name.json"
    expect 1 "reproduced: $name: ${death#* }" "$deadly" replay "$name.json" --run-timeout 300ms
    expect 1 '"complete":[0-9]+,.*"finished":true' "$deadly" explore "$name" --strategy $strategy --run-timeout 300ms --keep-going --json
  done
done

ends search
