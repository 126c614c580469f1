#!/usr/bin/env bash
# Kept traces: still failing, fixed, and what is said of a program that has changed. Resume, shards and merging.
#   regressions.sh DEADLY CHANGED DOCS     the second is the first with more steps in it, and one failure repaired
set -u
deadly=$(realpath "$1")
changed=$(realpath "$2")
docs=$(realpath "$3")
. "$(dirname "$0")/../expect.sh"

expect 1 'failed: wrong' "$deadly" check wrong --trace-out results/wrong.json
expect 1 'failed: segfault' "$deadly" check segfault --trace-out results/segfault.json
expect 1 'still fails: results/wrong.json: wrong: check failed' "$deadly" regress
expect 1 '2 still fail, 0 fixed, 0 diverged' "$deadly" regress results
expect 1 '"event":"still fails"' "$deadly" regress results/wrong.json --json
expect 1 'still fail' "$deadly" regress --bisect
# In the changed program one asks other questions and still fails, the other is repaired.
expect 1 'still fails: results/wrong.json: wrong: its choices put' "$changed" regress
expect 0 'fixed: results/segfault.json' "$changed" regress results/segfault.json --expect-fixed
expect 0 'fixed' "$changed" regress results/segfault.json --bisect
expect 1 'trace updated' "$changed" regress results/wrong.json --update
expect 1 'reproduced: wrong' "$changed" replay results/wrong.json
# A trace that says nothing
sed 's/"scenario":"wrong"/"scenario":"holds"/; s/"fingerprint":"[0-9]*"/"fingerprint":"1"/' results/segfault.json >results/other.json
sed -i 's/"scenario":"segfault"/"scenario":"nowhere"/' results/other.json
expect 0 'skipped: results/other.json: nowhere: this program has no such scenario' "$deadly" regress results/other.json
expect 125 '0 still fail' "$deadly" regress results/other.json --bisect
echo '{' >results/broken.json
expect 5 'broken.json: not JSON' "$deadly" regress
expect 125 'broken.json: not JSON' "$deadly" regress --bisect
expect 5 'cannot be read' "$deadly" regress nowhere

# Shards: together they run what one run would, and merge to it; merging again changes nothing.
for i in 0 1 2; do "$deadly" check rarely_wrong --runs 100000 --keep-going --no-minimize --shard $i/3 --db $i.db >$i.out; done
"$deadly" check rarely_wrong --runs 100000 --keep-going --no-minimize --db all.db >all.out
expect 0 '0.db: [0-9]+ new failures' "$deadly" merge out.db 0.db 1.db 2.db
expect 0 '0.db: 0 new failures' "$deadly" merge out.db 0.db
sum() { sqlite3 "$1" 'SELECT sum(executions), sum(failures) FROM campaign'; }
[ "$(sum out.db)" = "$(sum all.db)" ] || fail "shards: $(sum out.db), whole: $(sum all.db)"
expect 0 'held: holds: 500 executions' env SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_COUNT=2 "$deadly" check holds --shard auto
expect 0 'held: holds: 250 executions' env JOB_COMPLETION_INDEX=3 "$deadly" check holds --shard auto/4
expect 0 'held: holds: 1000 executions' env GTEST_SHARD_INDEX=0 GTEST_TOTAL_SHARDS=1 "$deadly" check holds --shard auto
expect 2 'write auto/N' env JOB_COMPLETION_INDEX=3 "$deadly" check holds --shard auto
expect 2 'none of SLURM' "$deadly" check holds --shard auto
expect 2 'parts are 0 to n-1' "$deadly" check holds --shard 3/3
expect 2 'not i/n' "$deadly" check holds --shard three
expect 2 'both read and written' "$deadly" merge out.db out.db
expect 5 'no such database' "$deadly" merge out.db none.db

# The queries of docs/trace.md say what they promise.
awk -v RS='```' 'NR % 2 == 0 && sub(/^sql\n/, "") { print > ("query" ++n ".sql") }' "$docs/trace.md"
[ "$(ls query*.sql | wc -l)" -eq 4 ] || fail "docs/trace.md has other queries than were expected"
expect 0 '^rarely_wrong\|check_failed\|2\|' sqlite3 all.db ".read query1.sql"
expect 0 '^rarely_wrong\|100000\|[0-9]+\|[0-9]+' sqlite3 all.db ".read query2.sql"
expect 0 '^1\|wrong\|1\|0' sqlite3 results/foreseed.db ".read query4.sql"

# Ctrl-C saves, and says how to go on
"$deadly" check holds --runs 2000000000 --db cut.db >cut.out &
sleep 1
kill -INT $!
wait $!
[ $? -eq 3 ] && grep -q 'interrupted: holds' cut.out && grep -q -- '--resume' cut.out || fail "Ctrl-C: $(cat cut.out)"
expect 0 '^1\|holds\|2000000000\|[0-9]+' sqlite3 cut.db ".read query3.sql"
before=$(sqlite3 cut.db 'SELECT executions FROM campaign')
timeout -s INT 1 "$deadly" check holds --runs 2000000000 --db cut.db --resume >again.out
after=$(sqlite3 cut.db 'SELECT executions FROM campaign')
[ "$before" -gt 0 ] && [ "$after" -gt "$before" ] || fail "resume: $before, then $after"

ends regressions
