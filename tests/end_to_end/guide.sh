#!/usr/bin/env bash
# Every command of docs/guide.md, in its order: none is refused, and the files that it speaks of are there.
#   guide.sh FORESEED SOURCE
set -eu
foreseed=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/build/release"
ln -s "$foreseed" "$work/build/release/foreseed"
cd "$work"
count=0
while read -r command; do
  status=0
  bash -c "$command" >out 2>&1 || status=$?
  # 1: a failure was found, as it should be; other codes are refusals.
  if [ $status -gt 1 ]; then echo "FAILED: $command -> $status"; cat out; exit 1; fi
  count=$((count + 1))
done < <(awk '/^```sh/ { inside = 1; next } /^```/ { inside = 0 } inside' "$source/docs/guide.md")
[ $count -ge 10 ]
for file in failures-1.html other.json junit.xml failure.sarif failure.trace failure.dot; do [ -s $file ]; done
echo "guide: $count commands"
