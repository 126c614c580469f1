#!/usr/bin/env bash
# The conformance suite against the daemons on loopback. Usage: conformance_test.sh BINARY_DIR
# A daemon that writes to standard error, as ThreadSanitizer does, or that does not end well, fails it.
set -u
bin=${1:?usage: conformance_test.sh BINARY_DIR}
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT

fail() {
  echo "FAIL: $*" >&2
  cat "$work"/*.err >&2
  exit 1
}

start() {  # NAME ARGUMENTS...; sets $port
  local name=$1
  shift
  "$bin/$name" "$@" --host 127.0.0.1 --port 0 >"$work/$name.out" 2>"$work/$name.err" &
  pids+=($!)
  for _ in $(seq 400); do
    [ -s "$work/$name.out" ] && break
    kill -0 $! 2>/dev/null || fail "$name ended at once"
    sleep 0.05
  done
  port=$(sed -n '1s/.*://p' "$work/$name.out")
  [ -n "$port" ] || fail "$name does not listen"
}

export SECRET='a secret of at least thirty-two bytes'
export ADMIN_PASSWORD='a long password' ADMIN_TOTP='twenty bytes of seed'
key=(--hs-secret-env SECRET)
WRITER=$("$bin/iam" token --sub alice --scope "orders:write orders:read" "${key[@]}")
READER=$("$bin/iam" token --sub alice --scope orders:read "${key[@]}")
EXPIRED=$("$bin/iam" token --sub alice --scope "orders:write orders:read" --ttl -10 "${key[@]}")
export WRITER READER EXPIRED

start iam "${key[@]}"
iam=$port
start oms --iam-port "$iam"
oms=$port
start workflow "${key[@]}" --store "$work/journal.db" --password-rounds 1000 --admin root --admin-password-env ADMIN_PASSWORD \
  --admin-totp-env ADMIN_TOTP
workflow=$port

"$bin/conformance" "$iam" "$oms" "$workflow" || fail "the daemons do not conform"
# The suite sees differences: a town that has been used is not a new one.
"$bin/conformance" "$iam" "$oms" "$workflow" 2>/dev/null && fail "the suite complains of nothing"
for pid in "${pids[@]}"; do
  kill -TERM "$pid"
  wait "$pid" || fail "a daemon ended with exit code $?"
done
pids=()
cat "$work"/*.err | grep . && fail "a daemon complained"
echo PASS
