#!/usr/bin/env bash
# How soon the default strategy finds each broken classic: mean and most executions over five places in the seeds. Each within
# 1,000, and most, nine of ten, within 100 in the mean.
#   classics.sh COMMAND VERDICTS
set -u
concurrency=$(realpath "$1")
verdicts=$(realpath "$2")
. "$(dirname "$0")/../expect.sh"
scenarios=0
quick=0
printf '%-34s %8s %6s\n' scenario mean most
while IFS=, read -r scenario verdict _; do
  [ "$verdict" = held ] && continue
  sum=0
  most=0
  for seed in 0 20000000 40000000 60000000 80000000; do
    output=$(timeout 60 "$concurrency" check "$scenario" --runs 1000 --seed "$seed" --no-minimize --json 2>&1)
    executions=$(sed -n 's/.*"event":"failed","executions":\([0-9]*\).*/\1/p' <<<"$output")
    if [ -z "$executions" ]; then
      fail "$scenario is not found in 1,000 executions from seed $seed: $output"
      executions=1000
    fi
    sum=$((sum + executions))
    [ "$executions" -gt "$most" ] && most=$executions
  done
  scenarios=$((scenarios + 1))
  [ $sum -le 500 ] && quick=$((quick + 1))
  printf '%-34s %6d.%d %6d\n' "$scenario" $((sum / 5)) $((sum % 5 * 2)) "$most"
done < <(tail -n +2 "$verdicts")
echo "$scenarios classics, $quick within 100 executions in the mean"
[ $((quick * 10)) -ge $((scenarios * 9)) ] || fail "fewer than nine of ten"
ends classics
