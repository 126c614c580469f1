#!/usr/bin/env bash
# Libraries that nobody here wrote, as Debian compiled them, do under foreseed what they do natively, and the same every
# time: in a second process, and without address randomisation.
#   libraries.sh PROGRAM
set -eu
program=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
check() { "$program" check "$@" --runs 60 --jobs 1 --db "$directory/db" >"$directory/out" 2>&1; }

# What orders the accesses of the program are, for these, atomics within the library, which is not instrumented.
opaque="$("$program" list | grep -o "openmp_[a-z]*" || true) absl_await absl_notification tbb_parallel_for tbb_task_group tbb_concurrent_hash_map"
open="leveldb_two_writers microhttpd_epoll microhttpd_poll microhttpd_threads poco_server rocksdb_two_writers uv_echo uv_timers_and_work zmq_inproc zmq_tcp"
check $opaque --races off || { cat "$directory/out"; exit 1; }
[ "$(grep -c '^held.*data races not looked for' "$directory/out")" -eq "$(wc -w <<<"$opaque")" ] || { cat "$directory/out"; exit 1; }
check $open || { cat "$directory/out"; exit 1; }
# The known-bad ones: a deadlock, and what is taken for a race.
! check absl_lock_order --races off
! check absl_await
grep -q 'data race' "$directory/out"

prints() { "$@" fingerprint --all --runs 20 2>/dev/null; }
prints "$program" >"$directory/first"
prints "$program" | diff "$directory/first" -
prints setarch --addr-no-randomize "$program" | diff "$directory/first" -
echo "$(wc -l <"$directory/first") scenarios, the same fingerprints three times"
