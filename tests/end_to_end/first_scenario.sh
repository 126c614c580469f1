#!/usr/bin/env bash
# A new user's first scenario, from the README alone: its two files, its commands, its verdict; its fault plan compiles and
# runs in a second scenario.
#   first_scenario.sh FORESEED_SOURCE CXX CC
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# block KIND N: the N-th block of that kind
block() {
  awk -v kind="$1" -v n="$2" '$0 == "```" kind { inside = ++seen == n; next } /^```/ { inside = 0 } inside' "$source/README.md"
}
block cpp 1 >account.cc
block cmake 1 | sed "s|/path/to/foreseed|$source|" >CMakeLists.txt
[ "$(wc -l <account.cc)" -le 32 ] && [ -s CMakeLists.txt ]
{
  printf '#include <foreseed/faults.h>\n#include <foreseed/scenario.h>\n#include <foreseed/world.h>\n#include <chrono>\n'
  printf '#include <thread>\nusing namespace std::chrono_literals;\nFORESEED_SCENARIO(faults, "the plan") {\n'
  printf 'auto sleeper = [] { for (;;) std::this_thread::sleep_for(1s); };\n'
  printf 'foreseed::Host oms("oms", sleeper), iam("iam", sleeper);\n'
  block cpp 2
  printf 'std::this_thread::sleep_for(30s);\noms.kill();\niam.kill();\n}\n'
} >faults.cc
sed -i 's/SOURCES account.cc/& faults.cc/' CMakeLists.txt
CXX=$2 CC=$3 cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >cmake.log
cmake --build build --target account >build.log || { cat build.log; exit 1; }
status=0
build/account check transfers >out || status=$?
cat out
[ $status -eq 1 ]
grep -q 'data race' out
grep -q 'account.cc:' out
build/account check faults --runs 10
status=0
$(sed -n 's/^replay: //p' out) >replayed || status=$?
[ $status -eq 1 ]
grep -q 'reproduced: transfers: data race' replayed
