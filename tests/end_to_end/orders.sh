#!/usr/bin/env bash
# A scenario's fingerprint does not depend on what ran before it in the process: each alone, all forwards, backwards and
# shuffled, every other one, and one again and again; those that fail and deadlock are among them.
set -eu
deadlocks=0
for program in "$@"; do
  prints() { "$program" fingerprint --runs 25 --steps 5000 "$@"; }
  mapfile -t names < <("$program" list | cut -d' ' -f1 | grep -Ev '^(soak_|six_phase|million_tokens)')
  all=$(prints "${names[@]}")
  same() {  # WHAT, prints on standard input
    local different
    different=$(sort -u | comm -23 - <(sort <<<"$all"))
    [ -z "$different" ] || { echo "$1: different:"; echo "$different"; exit 1; }
  }
  for name in "${names[@]}"; do prints "$name"; done | same "each alone"
  prints $(tac <<<"$(printf '%s\n' "${names[@]}")") | same "backwards"
  prints $(printf '%s\n' "${names[@]}" | shuf --random-source=<(yes)) | same "shuffled"
  prints $(printf '%s\n' "${names[@]}" | sed -n 'n;p') | same "every other one"
  prints "${names[0]}" "${names[-1]}" "${names[0]}" "${names[0]}" "${names[-1]}" | same "again and again"
  echo "${#names[@]}"
  deadlocks=$((deadlocks + $("$program" list | grep -c "fails: deadlock" || true)))
done
[ $deadlocks -ge 5 ] || { echo "only $deadlocks scenarios deadlock"; exit 1; }
