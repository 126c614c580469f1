#!/usr/bin/env bash
# S1-48: the same seeds have the same fingerprints: twice, in two processes, with and without address randomisation.
set -eu
for program in "$@"; do
  # soak_10k is soak_1k at ten times the size, million_tokens thousand_tokens; an execution of six_phase takes seconds.
  names=$("$program" list | cut -d' ' -f1 | grep -Ev '^(soak_10k|six_phase|million_tokens)$')
  sample() { "$@" "$program" fingerprint $names --runs 200 --steps 20000; }
  first=$(sample)
  second=$(sample)
  fixed=$(sample setarch --addr-no-randomize)
  [ "$first" = "$second" ] || { echo "two processes differ:"; diff <(echo "$first") <(echo "$second"); exit 1; }
  [ "$first" = "$fixed" ] || { echo "address randomisation matters:"; diff <(echo "$first") <(echo "$fixed"); exit 1; }
  echo "$first" | wc -l
done
