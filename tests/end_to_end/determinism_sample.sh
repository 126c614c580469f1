#!/usr/bin/env bash
# The same seeds have the same fingerprints: twice, in two processes, with and without address randomisation.
set -eu
for program in "$@"; do
  first=$("$program" fingerprint --all --runs 200)
  second=$("$program" fingerprint --all --runs 200)
  fixed=$(setarch --addr-no-randomize "$program" fingerprint --all --runs 200)
  [ "$first" = "$second" ] || { echo "two processes differ:"; diff <(echo "$first") <(echo "$second"); exit 1; }
  [ "$first" = "$fixed" ] || { echo "address randomisation matters:"; diff <(echo "$first") <(echo "$fixed"); exit 1; }
  echo "$first" | wc -l
done
