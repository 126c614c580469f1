#!/usr/bin/env bash
# More processes than processors: whatever the operating system does between two instructions, an execution is repeated
# exactly. Each campaign is a process of its own, whose first executions make all that processes have once.
#   under_load.sh PROGRAMS
set -u
programs=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for i in $(seq $((4 * $(nproc)))); do
  for _ in 1 2 3; do "$programs" check --all --runs 30 --db "$work/$i.db" || break; done >"$work/$i.log" 2>&1 &
done
wait
if grep -hv '^held' "$work"/*.log; then exit 1; fi
echo "under load: $(cat "$work"/*.log | wc -l) campaigns held"
