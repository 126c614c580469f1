#!/usr/bin/env bash
# A new user's first scenario, from the README alone: its two files, its commands, its verdict.
#   first_scenario.sh FORESEED_SOURCE CXX CC
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
block() { awk -v kind="$1" '$0 == "```" kind { inside = 1; next } /^```/ { inside = 0 } inside' "$source/README.md"; }
block cpp >account.cc
block cmake | sed "s|/path/to/foreseed|$source|" >CMakeLists.txt
[ "$(wc -l <account.cc)" -le 32 ] && [ -s CMakeLists.txt ]
CXX=$2 CC=$3 cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >cmake.log
cmake --build build --target account >build.log || { cat build.log; exit 1; }
status=0
build/account check transfers >out || status=$?
cat out
[ $status -eq 1 ]
grep -q 'data race' out
grep -q 'account.cc:' out
status=0
$(sed -n 's/^replay: //p' out) >replayed || status=$?
[ $status -eq 1 ]
grep -q 'reproduced: transfers: data race' replayed
