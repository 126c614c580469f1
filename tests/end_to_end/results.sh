#!/usr/bin/env bash
# Every trace that the repository keeps is of one of the programs, and still fails there: it is of a broken twin. Whatever
# the compiler, none diverges.
#   results.sh RESULTS PROGRAM..
set -u
results=$(realpath "$1")
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kept=$(ls "$results"/*.json | wc -l)
fail=0
for program in "$@"; do
  program=$(realpath "$program")
  (cd "$work" && "$program" regress "$results") >"$work/out" 2>&1
  status=$?
  last=$(tail -n 1 "$work/out")
  if [ $status -ne 1 ] || ! grep -qE '^[0-9]+ still fail, 0 fixed, 0 diverged, [0-9]+ skipped$' <<<"$last"; then
    echo "FAILED: $program regress -> $status"
    grep -v '^skipped' "$work/out"
    exit 1
  fi
  fail=$((fail + ${last%% *}))
done
[ "$kept" -ge 20 ] && [ "$fail" -eq "$kept" ] || { echo "FAILED: $kept traces, $fail of them replayed"; exit 1; }
echo "results: $kept traces still fail"
