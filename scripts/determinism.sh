#!/usr/bin/env bash
# The same seed gives the same fingerprint: in two processes, twice in one of them, with and without address
# randomisation, built by g++ and clang, at -O0 and -O3, for every scenario and every test program.
#   scripts/determinism.sh [SEEDS] [STEPS]     default 10000; of one scenario seeds until there were STEPS steps, 10 million
set -eu -o pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seeds=${1:-10000} steps=${2:-10000000}
scripts/bootstrap.sh
mkdir -p build/determinism
build() {  # NAME CXX CC LEVEL
  cmake -S . -B "build/$1" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_COMPILER="$2" -DCMAKE_C_COMPILER="$3" \
    -DCMAKE_CXX_FLAGS="$4 -g" -DCMAKE_C_FLAGS="$4 -g" -DFORESEED_BENCHMARKS=OFF >/dev/null
  cmake --build "build/$1" --target foreseed_command programs >"build/determinism/$1.log"
}
prints() {  # NAME TIMES PREFIX..
  local name=$1 times=$2
  shift 2
  for program in foreseed programs; do
    names=
    [ "$times" = 1 ] || names=$("build/$name/$program" list | cut -d' ' -f1)
    "$@" "build/$name/$program" fingerprint --all $names --runs "$seeds" --steps "$steps"
  done | sort -u
}
build det-gcc-O0 g++ gcc -O0
build det-gcc-O3 g++ gcc -O3
build det-clang-O0 clang++ clang -O0
build det-clang-O3 clang++ clang -O3
# All at once, as far as the machine has processors.
what=() jobs=()
start() {  # WHAT NAME PREFIX..
  what+=("$1")
  shift
  prints "$@" >"build/determinism/${#jobs[@]}" &
  jobs+=($!)
}
start "the first process" det-gcc-O3 1 env
start "twice in a second process" det-gcc-O3 2 env
start "without address randomisation" det-gcc-O3 1 setarch --addr-no-randomize
start "g++ -O0" det-gcc-O0 1 env
start "clang++ -O0" det-clang-O0 1 env
start "clang++ -O3" det-clang-O3 1 env
bad=0
for i in "${!jobs[@]}"; do
  if ! wait "${jobs[i]}"; then
    echo "FAILED: ${what[i]}"
    bad=1
  elif diff build/determinism/0 "build/determinism/$i" >build/determinism/diff; then
    [ "$i" = 0 ] || echo "equal: ${what[i]}"
  else
    echo "DIFFERENT: ${what[i]}"
    sed 's/^/  /' build/determinism/diff
    bad=1
  fi
done
echo "$(wc -l <build/determinism/0) scenarios and programs, at most $seeds seeds and $steps steps each"
exit $bad
