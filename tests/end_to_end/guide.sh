#!/usr/bin/env bash
# Every command of docs/guide.md, campaigns.md and properties.md, in their order: none is refused, and the files that they
# speak of are there. Campaigns are shortened to three runs a scenario.
#   guide.sh FORESEED PROPERTIES SOURCE
set -eu
foreseed=$(realpath "$1") properties=$(realpath "$2") source=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/build/release" "$work/results"
ln -s "$foreseed" "$work/build/release/foreseed"
ln -s "$properties" "$work/build/release/properties"
ln -s "$(dirname "$foreseed")/concurrency" "$work/build/release/concurrency"
cd "$work"
count=0
while read -r command; do
  status=0
  bash -c "${command/--runs 10000/--runs 3}" >out 2>&1 || status=$?
  # 1: a failure was found, as it should be; other codes are refusals.
  if [ $status -gt 1 ]; then echo "FAILED: $command -> $status"; cat out; exit 1; fi
  count=$((count + 1))
done < <(awk '/^```sh/ { inside = 1; next } /^```/ { inside = 0 } inside' "$source"/docs/{guide,campaigns,properties}.md)
[ $count -ge 18 ]
for file in results/hasty_breaker.json failures-1.html other.json junit.xml failure.sarif failure.trace failure.dot; do [ -s $file ]; done
echo "guide: $count commands"
