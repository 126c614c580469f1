#!/usr/bin/env bash
# Each plan in scenarios/plans strikes OMS and IAM, and they hold. Usage: plans.sh FORESEED DIRECTORY
set -u
foreseed=$(realpath "$1")
plans=$(realpath "$2")
. "$(dirname "$0")/../expect.sh"

fingerprint() { "$foreseed" run oms_iam_faults --seed 1 "$@" | sed -n 's/.*fingerprint \([0-9a-f]*\).*/\1/p'; }
untroubled=$(fingerprint)
[ -n "$untroubled" ] || { echo "FAILED: no execution without faults"; exit 1; }

for plan in "$plans"/*.json; do
  "$foreseed" check oms_iam_faults --faults "$plan" --runs 5 >out 2>&1 || fail "$plan: $(cat out)"
  [ "$(fingerprint --faults "$plan")" != "$untroubled" ] || fail "$plan changes nothing"
done
ends plans
