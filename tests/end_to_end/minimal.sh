#!/usr/bin/env bash
# Minimised failures against complete search: how many preemptions a minimised trace has, and the least with which
# `explore --strategy dfs` finds a failure of that kind. 90 % must have as few, the rest one more.
#   minimal.sh PROGRAM SECONDS SCENARIO..     SECONDS: for each search; one that ends first proves nothing, and counts for none
set -u
program=$(realpath "$1") seconds=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
exact=0 one_more=0 more=0 unknown=0
: >times
for name in "$@"; do
  "$program" check "$name" --runs 20000 --no-minimize --trace-out "$name.json" >out 2>&1
  [ -s "$name.json" ] || { echo "FAILED: $name was not found"; exit 1; }
  begin=$(date +%s%N)
  "$program" minimize "$name.json" --for 10s --json >out || exit 1
  ms=$((($(date +%s%N) - begin) / 1000000))
  echo $ms >>times
  has=$(sed 's/.*"after":{[^}]*"preemptions":\([0-9]*\).*/\1/' out)
  kind=$(grep -o '"finding":{[^}]*"kind":"[a-z_]*"' "$name.json" | grep -o '"kind":.*')
  least=$has
  for ((k = 0; k < has; k++)); do
    "$program" explore "$name" --preemptions $k --keep-going --for "${seconds}s" --json >found
    if grep -q "$kind" found; then least=$k; break; fi
    grep -q '"finished":true' found || least=unknown
    [ $least != unknown ] || break
  done
  echo "$name: minimised $has, least $least, $ms ms"
  case $least in
    unknown) unknown=$((unknown + 1)) ;;
    "$has") exact=$((exact + 1)) ;;
    $((has - 1))) one_more=$((one_more + 1)) ;;
    *) more=$((more + 1)) ;;
  esac
done
decided=$((exact + one_more + more))
median=$(sort -n times | sed -n "$((($# + 1) / 2))p")
echo "minimal: $exact of $decided exact, $one_more with one more, $more with more, $unknown not decided; median $median ms"
[ $more -eq 0 ] && [ $((exact * 10)) -ge $((decided * 9)) ] && [ $decided -gt 0 ]
