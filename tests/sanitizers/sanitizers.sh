#!/usr/bin/env bash
# Builds of the code under test with a sanitizer's instrumentation: what it finds is a failure with its seed, in worker
# processes and without, and replays; what is right holds.
#   sanitizers.sh ADDRESS_PROGRAM UNDEFINED_PROGRAM [UNDEFINED_PROGRAM that recovers]
set -u
address=$(realpath "$1")
shift
undefined=()
for program in "$@"; do undefined+=("$(realpath "$program")"); done
. "$(dirname "$0")/../expect.sh"

found() {  # PROGRAM SCENARIO 'MESSAGE'
  local fork
  for fork in '' --no-fork; do
    expect 1 "failed: $2: .*$3" "$1" check "$2" --runs 100 --db a.db --trace-out a.json $fork
    expect 1 "reproduced: $2: .*$3" "$1" replay a.json $fork
    expect 1 'main: (here|write|read), .*(address|undefined).cc:[0-9]+' "$1" replay a.json $fork
  done
}

found "$address" heap "out of bounds: 1-byte write 0 bytes after a block of 13 bytes"
found "$address" heap_before "out of bounds: 1-byte write 1 byte before a block of 13 bytes"
found "$address" freed "use after free: 4-byte read"
found "$address" local "out of bounds: 4-byte write 0 bytes after the local 'numbers' of 20 bytes"
found "$address" global "out of bounds: 1-byte read 0 bytes after the global '.*table.*' of 24 bytes"
found "$address" scope "use after scope: 4-byte write within the local 'inner' of 4 bytes"
found "$address" copied "out of bounds: 17-byte write 0 bytes after a block of 16 bytes"
for program in "${undefined[@]}"; do
  found "$program" overflow "undefined behavior: signed integer overflow: 2147483647 \+ 1 cannot be represented in type 'int'"
  found "$program" negation "undefined behavior: negation of -2147483648"
  found "$program" division "undefined behavior: division by zero"
  found "$program" shift "undefined behavior: (shift by 32, too far|left shift of 1 by 31 places)"
  found "$program" index_beyond "undefined behavior: index 3 out of bounds for type 'int ?\[3\]'"
  found "$program" null_pointer "undefined behavior: member access within a null pointer of type '.*Pair'"
  found "$program" misaligned "undefined behavior: (load of|reference binding to) a misaligned address for type .*'int'"
  found "$program" bad_bool "undefined behavior: load of 2, which is not a valid value for type '_?[Bb]ool'"
  found "$program" unreachable "undefined behavior: execution reached an unreachable point"
done
for fork in '' --no-fork; do
  for program in "$address" "${undefined[@]}"; do
    expect 0 'held: good: 300 executions' "$program" check good --runs 300 --db a.db $fork
  done
done

ends sanitizers
