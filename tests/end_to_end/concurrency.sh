#!/usr/bin/env bash
# Every scenario of scenarios/concurrency has the verdict of verdicts.csv: a broken one is found within so many executions,
# whichever the first seed, and a repaired one holds for as many, and for the first of a search. Without turns, Dekker's lock
# lives only as long as schedules vary.
#   concurrency.sh COMMAND VERDICTS
set -u
concurrency=$(realpath "$1")
verdicts=$(realpath "$2")
. "$(dirname "$0")/../expect.sh"
"$concurrency" list >all || exit 1

sed 's/ .*//' all | sort >listed
tail -n +2 "$verdicts" | cut -d, -f1 | sort >tabled
diff listed tabled || fail "the table and the program have other scenarios"

while IFS=, read -r scenario verdict executions; do
  described=$(grep -E "^$scenario " all)
  [ "$verdict" = held ] && says='(holds)' || says='(fails: '
  grep -qF "$says" <<<"$described" || fail "$scenario is not described as what the table says: $described"
  [ "$verdict" = held ] && seeds=0 || seeds='0 1000000'
  for seed in $seeds; do
    output=$(timeout 60 "$concurrency" check "$scenario" --runs "$executions" --seed "$seed" --json 2>&1)
    status=$?
    if [ "$verdict" = held ]; then
      [ $status -eq 0 ] || fail "$scenario fails ($status): $output"
    elif [ $status -ne 1 ] || ! grep -qE "\"kind\":\"($verdict)\"" <<<"$output"; then
      fail "$scenario has no $verdict in $executions executions from seed $seed ($status): $output"
    fi
  done
  [ "$verdict" != held ] || [ "$scenario" = dekker_without_turn ] ||
    expect 0 "^(held|incomplete): $scenario: " "$concurrency" explore "$scenario" --max-executions 200
done < <(tail -n +2 "$verdicts")
echo "$(wc -l <tabled) scenarios, $failures with another verdict"
ends concurrency
