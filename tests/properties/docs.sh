#!/usr/bin/env bash
# Every command of docs/properties.md, in its order: each ends well.
#   docs.sh PROPERTIES SOURCE
set -eu
properties=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/build/release" "$work/results"
ln -s "$properties" "$work/build/release/properties"
cd "$work"
count=0
while read -r command; do
  bash -c "$command" >out 2>&1 || { echo "FAILED: $command"; cat out; exit 1; }
  count=$((count + 1))
done < <(awk '/^```sh/ { inside = 1; next } /^```/ { inside = 0 } inside' "$source/docs/properties.md")
[ $count -ge 3 ]
echo "docs: $count commands"
