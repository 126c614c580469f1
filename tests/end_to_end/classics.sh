#!/usr/bin/env bash
# How soon the default strategy finds each broken classic: mean and most executions over five places in the seeds. Each within
# 1,000, and most, nine of ten, within 100 in the mean.
#   classics.sh COMMAND VERDICTS
set -u
concurrency=$(realpath "$1")
verdicts=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
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
      echo "FAILED: $scenario is not found in 1,000 executions from seed $seed: $output"
      failures=$((failures + 1))
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
[ $((quick * 10)) -ge $((scenarios * 9)) ] || { echo "FAILED: fewer than nine of ten"; failures=$((failures + 1)); }
exit $((failures != 0))
