#!/usr/bin/env bash
# replay --gdb stops at a step, on the right stack, and goes to other tasks. Exit 77: skipped, there is no gdb.
#   gdb_test.sh FORESEED
set -eu
foreseed=$(realpath "$1")
command -v gdb >/dev/null || { echo "skipped: no gdb; scripts/bootstrap.sh --tests installs it"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$foreseed" check hasty_breaker --db r.db --trace-out t.json >/dev/null || [ $? -eq 1 ]
# The last step in which T2 takes the lock: main waits for T1, or for it.
step=$(python3 -c "
import json
trace = json.load(open('t.json'))
print([e[1] for e in trace['events'] if e[3] == 'mutex_lock' and trace['tasks'][e[2]] == 'T2'][-1])")
timeout 120 "$foreseed" replay t.json --gdb --until "$step" >out 2>&1 <<'GDB' || { cat out; exit 1; }
tasks
backtrace 30
task 0
backtrace 30
task
frame
kill
GDB
check() { grep -Eq "$1" out || { echo "FAILED: no '$1' in:"; cat out; exit 1; }; }
check '\* +2  T2 +runs'
check ' 0  main +waits: thread_join'
check 'record_failure|record_success'
check 'thread::join'
check 'foreseed_body_hasty_breaker|hasty_breaker'
echo "gdb: at step $step, on its stack, and on another's"
