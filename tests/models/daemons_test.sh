#!/usr/bin/env bash
# iam and oms as real processes on loopback, driven by curl. Usage: daemons_test.sh BINARY_DIR
# Exit 0: all as expected. Exit 1: the first difference is on standard error.
set -u

bin=${1:?usage: daemons_test.sh BINARY_DIR}
work=$(mktemp -d)
pids=()

finish() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
  rm -rf "$work"
}
trap finish EXIT

fail() {
  echo "FAIL: $*" >&2
  cat "$work"/*.err >&2 2>/dev/null
  exit 1
}

expect() {  # WHAT WANTED GOT
  [ "$2" = "$3" ] || fail "$1: want '$2', got '$3'"
}

start() {  # NAME ARGUMENTS...; sets $port and $pid
  local name=$1 line=
  shift
  "$bin/$name" "$@" --host 127.0.0.1 --port 0 >"$work/$name.out" 2>"$work/$name.err" &
  pid=$!
  pids+=("$pid")
  for _ in $(seq 200); do
    line=$(head -n 1 "$work/$name.out")
    [ -n "$line" ] && break
    kill -0 "$pid" 2>/dev/null || fail "$name ended at once"
    sleep 0.05
  done
  port=${line##*:}
  expect "$name says where it listens" "listening on 127.0.0.1:$port" "$line"
}

stop() {  # PID; graceful, exit code 0
  kill -TERM "$1"
  wait "$1"
  expect "exit code after SIGTERM" 0 $?
}

# The status. Where no answer came at all - on a machine so busy that a handshake runs out of time - it asks again, twice, but
# only where the first attempt cannot have done anything: it was no POST, or there was no connection (curl's 7 and 35). What
# curl said is in curl.err, which a failure prints; a status that is wrong is never asked for again.
curl_status() {
  local status code attempt
  for attempt in 1 2 3; do
    status=$(curl -sS -m 20 -o "$work/body" -D "$work/head" -w '%{http_code}' "$@" 2>>"$work/curl.err")
    code=$?
    [ "$status" = 000 ] || break
    case " $* " in *" -d "*) [ "$code" = 7 ] || [ "$code" = 35 ] || break ;; esac
    echo "attempt $attempt: no answer, curl's exit code $code: $*" | tee -a "$work/curl.err" >&2
    sleep 0.5
  done
  printf '%s' "$status"
}
order() { # TOKEN
  curl_status -H "Authorization: Bearer $1" -d '{"item":"tea","quantity":2}' \
    "http://127.0.0.1:$oms_port/orders"
}
auth_path() { tr -d '\r' <"$work/head" | sed -n 's/^[Xx]-[Aa]uth-[Pp]ath: //p'; }

export IAM_SECRET='a secret of at least thirty-two bytes'
key=(--hs-secret-env IAM_SECRET)

# Bad usage: exit 2 and one line.
for arguments in "" "--no-such-flag" "--hs-secret-env NOT_SET" \
  "--hs-secret-env IAM_SECRET --threads 0"; do
  # shellcheck disable=SC2086
  "$bin/iam" $arguments >"$work/out" 2>"$work/usage.err"
  expect "exit code of iam $arguments" 2 $?
  expect "lines on stderr of iam $arguments" 1 "$(wc -l <"$work/usage.err")"
done
"$bin/oms" --fallback local >"$work/out" 2>"$work/usage.err"
expect "exit code of oms with local fallback and no key" 2 $?
rm -f "$work/usage.err"

# S0-07: what a daemon needs at its start and does not get ends it, with one line that says what.
timeout 20 "$bin/workflow" "${key[@]}" --port 0 --store "$work" >"$work/out" 2>"$work/usage.err"
expect "exit code of workflow with a store that cannot be opened" 1 $?
expect "lines on stderr of it" 1 "$(wc -l <"$work/usage.err")"
rm -f "$work/usage.err"

# S4-05: what ships has nothing of the simulator in it, and no door for tests.
for daemon in iam oms workflow; do
  expect "$daemon's symbols of the simulator" "" "$(nm -C "$bin/$daemon" | grep -iE 'foreseed|__tsan' | head -n 3)"
done

start iam "${key[@]}"
iam_port=$port
iam_pid=$pid
start oms "${key[@]}" --iam-host 127.0.0.1 --iam-port "$iam_port" --fallback local
oms_port=$port
oms_pid=$pid

writer=$("$bin/iam" token --sub alice --scope "orders:write orders:read" --ttl 3600 "${key[@]}")
reader=$("$bin/iam" "${key[@]}" token --sub alice --scope orders:read)
expired=$("$bin/iam" "${key[@]}" token --sub alice --scope orders:write --ttl -10)

expect "iam health" 200 "$(curl_status "http://127.0.0.1:$iam_port/health")"
expect "oms health" 200 "$(curl_status "http://127.0.0.1:$oms_port/health")"
expect "iam deep health" 200 "$(curl_status "http://127.0.0.1:$iam_port/health/deep")"
expect "oms deep health" 200 "$(curl_status "http://127.0.0.1:$oms_port/health/deep")"

expect "order" 201 "$(order "$writer")"
expect "path of an order" remote "$(auth_path)"
expect "order read back" 200 "$(curl_status -H "Authorization: Bearer $writer" \
  "http://127.0.0.1:$oms_port/orders/1")"
expect "the order" '{"id":1,"item":"tea","owner":"alice","quantity":2}' "$(cat "$work/body")"
expect "no token" 401 "$(curl_status -d '{}' "http://127.0.0.1:$oms_port/orders")"
expect "bad token" 401 "$(order "${writer}x")"
expect "expired token" 401 "$(order "$expired")"
expect "token without scope" 403 "$(order "$reader")"
expect "metrics" 200 "$(curl_status "http://127.0.0.1:$oms_port/metrics")"

stop "$iam_pid"
expect "oms health without iam" 200 "$(curl_status "http://127.0.0.1:$oms_port/health")"
sleep 1.1  # its last answer is old by then
expect "oms deep health without iam, with a fallback" 200 "$(curl_status "http://127.0.0.1:$oms_port/health/deep")"
expect "its status" degraded "$(sed -n 's/.*"status":"\([a-z]*\)".*/\1/p' "$work/body")"
expect "order without iam" 201 "$(order "$writer")"
expect "path of an order without iam" local "$(auth_path)"
expect "no scope without iam" 403 "$(order "$reader")"

# By HTTPS, with a certificate that is trusted, and then with one that is not.
data=$(dirname "$(readlink -f "$0")")/data
start iam "${key[@]}" --tls-cert "$data/localhost.pem" --tls-key "$data/localhost.key"
tls_port=$port
expect "iam health by https" 200 "$(curl_status --cacert "$data/localhost.pem" \
  "https://127.0.0.1:$tls_port/health")"
stop "$oms_pid"
for ca in localhost:remote elsewhere:local; do
  start oms "${key[@]}" --iam-host 127.0.0.1 --iam-port "$tls_port" --fallback local \
    --ca "$data/${ca%:*}.pem"
  oms_port=$port
  oms_pid=$pid
  expect "order by https" 201 "$(order "$writer")"
  expect "path of an order where ${ca%:*} is trusted" "${ca#*:}" "$(auth_path)"
  [ "${ca#*:}" = local ] || stop "$oms_pid"
done
"$bin/iam" "${key[@]}" --tls-cert "$data/localhost.pem" >"$work/out" 2>"$work/tls.err"
expect "exit code without --tls-key" 2 $?

# S1-08: a new certificate at SIGHUP, while others ask; one that is none leaves the old one.
mkdir "$work/tls"
cat "$data"/localhost{,_renewed}.pem >"$work/both.pem"
put() { cp "$data/$1.pem" "$work/tls/cert" && cp "$data/$2.key" "$work/tls/key"; }
seen() { grep -c "$1" "$2"; }
renew() { # PID FILE LINE: tells it, and waits until it says so once more
  local before
  before=$(seen "$3" "$2")
  kill -HUP "$1"
  for _ in $(seq 200); do
    [ "$(seen "$3" "$2")" -gt "$before" ] && return
    sleep 0.05
  done
  fail "no '$3' in $2"
}
put localhost localhost
start iam "${key[@]}" --tls-cert "$work/tls/cert" --tls-key "$work/tls/key"
tls_port=$port
tls_pid=$pid
url=https://127.0.0.1:$tls_port/health
trusted_by() { curl -sS -m 20 -o /dev/null -w '%{http_code}' --cacert "$1" "$url" 2>/dev/null; }
while [ ! -e "$work/enough" ]; do trusted_by "$work/both.pem" && echo; done >"$work/statuses" &
asking=$!
for name in localhost_renewed localhost localhost_renewed; do
  put "$name" "$name"
  renew "$tls_pid" "$work/iam.out" "certificate renewed"
  expect "https by one who trusts $name" 200 "$(curl_status --cacert "$data/$name.pem" "$url")"
done
expect "https by one who trusts the old certificate" 000 "$(trusted_by "$data/localhost.pem")"
put localhost localhost_renewed
renew "$tls_pid" "$work/iam.err" "certificate not renewed: tls identity: the private key is not the first certificate's"
rm "$work/tls/key"
renew "$tls_pid" "$work/iam.err" "certificate not renewed: --tls-key: cannot read"
expect "https after two that were none" 200 "$(curl_status --cacert "$data/localhost_renewed.pem" "$url")"
touch "$work/enough"
wait "$asking"
expect "answers meanwhile" 200 "$(sort -u "$work/statuses")"
stop "$tls_pid"
start iam "${key[@]}"
renew "$pid" "$work/iam.err" "certificate not renewed: --tls-cert: there is no certificate to read again"
stop "$pid"

# A port that is taken: exit 1.
"$bin/iam" "${key[@]}" --host 127.0.0.1 --port "$oms_port" >"$work/out" 2>"$work/taken.err"
expect "exit code on a taken port" 1 $?

stop "$oms_pid"
echo PASS
