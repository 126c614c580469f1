#!/usr/bin/env bash
# The foreseed command as a user types it: verdicts, exit codes, the three last lines, replay, and bad input.
set -u
foreseed=$(realpath "$1")
. "$(dirname "$0")/../expect.sh"

expect 0 'naive_breaker' "$foreseed" list
expect 0 '"scenario":"repaired_breaker"' "$foreseed" list --json
expect 0 'quickstart.cc:' "$foreseed" describe naive_breaker
expect 0 '^foreseed [0-9]' "$foreseed" --version

# Verdicts
expect 0 'held: repaired_breaker: 1000 executions from seed 0' "$foreseed" check repaired_breaker
expect 0 'held: repaired_breaker: 500 executions from seed 7' "$foreseed" check repaired_breaker --runs 500 --seed 7 --jobs 2
expect 0 'held: repaired_breaker: [0-9]+ executions' "$foreseed" check repaired_breaker --for 300ms
expect 0 'held: oms_iam_smoke: 50 executions' "$foreseed" check oms_iam_smoke --runs 50
expect 0 'held: repaired_breaker: seed 3, .* fingerprint [0-9a-f]{16}' "$foreseed" run repaired_breaker --seed 3
expect 1 'data race: .* naive|data race:' "$foreseed" check naive_breaker --runs 100
expect 1 'naive_breaker.h:[0-9]+' "$foreseed" check naive_breaker --runs 100
expect 1 '"event":"failure"' "$foreseed" check naive_breaker --json
expect 1 'seeds failed' "$foreseed" check hasty_breaker --runs 50 --keep-going
expect 0 'held: repaired_breaker: [0-9]+ executions complete, 0 blocked, 0 redundant, depth [0-9]+, time-outs last .*, dpor' "$foreseed" explore repaired_breaker
expect 0 'at most 1 preemptions, .*, dfs' "$foreseed" explore repaired_breaker --preemptions 1
expect 3 'not complete' "$foreseed" explore repaired_breaker --max-executions 3 --require-complete
expect 1 'data race' "$foreseed" explore naive_breaker --db r/explore.db
expect 1 'reproduced: naive_breaker: data race' "$foreseed" replay 'r/explore.db#1'
expect 2 '--preemptions' "$foreseed" explore repaired_breaker --strategy dpor --preemptions 1
expect 1 'data race' "$foreseed" check naive_breaker --strategy pct --db r/pct.db
expect 1 'reproduced: naive_breaker: data race' "$foreseed" replay 'r/pct.db#1'

# The three last lines can be pasted
"$foreseed" check naive_breaker --db r/x.db >out 2>&1
[ "$(tail -n 3 out | cut -d: -f1 | tr '\n' ' ')" = "replay trace report " ] || fail "the last lines: $(cat out)"
replay=$(sed -n 's/^replay: //p' out)
report=$(sed -n 's/^report: //p' out)
expect 1 'reproduced: naive_breaker: data race' bash -c "$replay"
expect 0 'x-1.html' bash -c "$report"
expect 0 'default-src .none.' cat r/x-1.html
expect 0 'step +time +main' "$foreseed" show 1 --db r/x.db

# The same seed with many workers is the same failure
seed_of() { "$foreseed" check hasty_breaker --json "$@" | sed -n 's/.*"seed":"\([0-9]*\)".*/\1/p'; }
[ "$(seed_of)" = "$(seed_of --jobs 2)" ] || fail "--jobs changes the first failure"

# A portable trace, in a new process
expect 1 'trace:  t.json' "$foreseed" check hasty_breaker --trace-out t.json
expect 1 'reproduced: hasty_breaker: check failed' "$foreseed" replay t.json
expect 0 'hasty_breaker, seed' "$foreseed" show t.json --all

# Looking at it: up to a step, beside another, as one file
expect 0 '^ +5 .*thread_create' "$foreseed" show t.json --until 5
expect 0 'reproduced: hasty_breaker: up to step 5' "$foreseed" replay t.json --until 5
[ "$("$foreseed" show t.json --until 5 | wc -l)" -eq 7 ] || fail "--until shows another step"
expect 0 'equal: [0-9]+ steps' "$foreseed" diff t.json t.json
# Where it became likely
"$foreseed" check hasty_breaker --trace-out likely.json --strategy uniform >likely.out 2>&1
steps=$(sed 's/.*"steps":\([0-9]*\).*/\1/' likely.json)
expect 0 "from step $steps: 50 of 50 executions fail so \\(100 %\\)" "$foreseed" replay likely.json --from "$steps" --runs 50
expect 0 'from step 0: [0-9]+ of 100 executions fail so' "$foreseed" replay likely.json --from 0
expect 0 'fails so +otherwise' "$foreseed" replay likely.json --runs 20
expect 0 '"event":"likelihood"' "$foreseed" replay likely.json --runs 20 --json
expect 2 'has [0-9]+ steps' "$foreseed" replay likely.json --from 100000
expect 2 'excludes' "$foreseed" replay likely.json --from 3 --until 3
expect 1 'they part at step [0-9]+' "$foreseed" diff t.json 1 --db r/x.db
expect 0 '^t.html$' "$foreseed" report t.json
expect 0 'page.html' "$foreseed" report t.json --out new/page.html
expect 5 'cannot be written.*--out' "$foreseed" report t.json --out /proc/nowhere/page.html
expect 2 'format' "$foreseed" export t.json --format pdf

# Bad input
expect 2 'no scenario named .naive_braker.*did you mean naive_breaker' "$foreseed" check naive_braker
expect 2 'subcommand' "$foreseed"
expect 2 'not-a-verb|subcommand' "$foreseed" not-a-verb
expect 2 'runs' "$foreseed" check naive_breaker --runs many
expect 2 'duration' "$foreseed" check repaired_breaker --for soon
expect 2 'name a scenario' "$foreseed" check
mkdir directory
expect 5 'directory' "$foreseed" check repaired_breaker --db directory
expect 5 'cannot be|unable' "$foreseed" check repaired_breaker --db /proc/nowhere/x.db
echo "no database, and long enough to look at, to be sure" >text.db
expect 5 'not a database' "$foreseed" check repaired_breaker --db text.db
expect 5 'no such|cannot be read' "$foreseed" replay nowhere.json
head -c 1000 t.json >cut.json
expect 5 'cut.json' "$foreseed" replay cut.json
echo '{"format": "something else"}' >foreign.json
expect 5 'no foreseed trace' "$foreseed" show foreign.json
expect 5 'there is no failure of that number' "$foreseed" replay 999 --db r/x.db

# A trace that no longer fits the program
sed 's/"mutex_lock"/"mutex_unlock"/; s/"fingerprint":"[0-9]*"/"fingerprint":"1"/' t.json >changed.json
expect 4 'diverged' "$foreseed" replay changed.json --until 30
expect 4 'diverged: changed.json: step [0-9]+: recorded .*mutex_unlock.* now .*mutex_lock' "$foreseed" replay changed.json
sed 's/"scenario":"hasty_breaker"/"scenario":"hasty_braker"/' t.json >renamed.json
expect 2 'did you mean hasty_breaker' "$foreseed" replay renamed.json

ends "command line"
