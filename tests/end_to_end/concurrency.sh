#!/usr/bin/env bash
# Every scenario of scenarios/concurrency has the verdict of verdicts.csv: a broken one is found within so many executions,
# whichever the first seed, and a repaired one holds for as many.
#   concurrency.sh COMMAND VERDICTS
set -u
concurrency=$(realpath "$1")
verdicts=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
"$concurrency" list >all || exit 1
failures=0
complain() { echo "FAILED: $1"; failures=$((failures + 1)); }

sed 's/ .*//' all | sort >listed
tail -n +2 "$verdicts" | cut -d, -f1 | sort >tabled
diff listed tabled || complain "the table and the program have other scenarios"

while IFS=, read -r scenario verdict executions; do
  described=$(grep -E "^$scenario " all)
  [ "$verdict" = held ] && says='(holds)' || says='(fails: '
  grep -qF "$says" <<<"$described" || complain "$scenario is not described as what the table says: $described"
  [ "$verdict" = held ] && seeds=0 || seeds='0 1000000'
  for seed in $seeds; do
    output=$(timeout 60 "$concurrency" check "$scenario" --runs "$executions" --seed "$seed" --json 2>&1)
    status=$?
    if [ "$verdict" = held ]; then
      [ $status -eq 0 ] || complain "$scenario fails ($status): $output"
    elif [ $status -ne 1 ] || ! grep -qE "\"kind\":\"($verdict)\"" <<<"$output"; then
      complain "$scenario has no $verdict in $executions executions from seed $seed ($status): $output"
    fi
  done
done < <(tail -n +2 "$verdicts")
echo "$(wc -l <tabled) scenarios, $failures with another verdict"
exit $((failures != 0))
