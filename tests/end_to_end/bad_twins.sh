#!/usr/bin/env bash
# Each story's bad twin is caught, by the check that its story is about. Usage: bad_twins.sh FORESEED
set -u
foreseed=$(realpath "$1")
. "$(dirname "$0")/../expect.sh"

caught() {  # NAME WHAT
  "$foreseed" check "$1" --runs 200 --no-minimize >out 2>&1
  local code=$?
  [ $code -eq 1 ] && grep -qF "$2" out && return
  fail "$1: exit code $code, want 1 and '$2': $(cat out)"
}

caught background_ctx_bad 'FORESEED_CHECK(audited == entered)'
caught decide_once_bad 'not linearizable'
caught cert_day_365_bad 'FORESEED_CHECK(order(writer_).path == "local")'
caught iam_slow_bad 'FORESEED_CHECK(locally >= step.locally_min'
caught flap_square_bad 'FORESEED_CHECK(event.time - opened >='
caught restart_amnesia_bad 'FORESEED_CHECK(all_calls(counters) == window)'
caught shutdown_deadline_bad 'FORESEED_CHECK(took <='
caught slow_start_order_bad 'FORESEED_CHECK(elapsed < '
caught split_partition_bad 'FORESEED_CHECK(town.oms->orders().size() == 3)'
caught ten_percent_two_probes_bad 'FORESEED_CHECK(close_in(1, 100) <= 8)'
caught five_silent_days_bad 'FORESEED_CHECK(alert)'
caught freeze_toctou_bad 'FORESEED_CHECK(!frozen)'
caught jwks_rotation_herd_bad 'FORESEED_CHECK(issuer.fetches'
caught login_100_bad '<= 5s'
caught orders_shed_first_bad 'start < 50ms'
caught order_permutation_bad '== expected[which]'
caught retry_storm_bad 'FORESEED_CHECK(s.attempts <='
caught stalled_holder_3x_bad 'FORESEED_CHECK(resource.read() == "successor")'
caught thousand_tokens_bad 'FORESEED_CHECK(cache.hits()'
caught xact_lock_vs_ttl_bad 'FORESEED_CHECK(++holders == 1)'
ends "bad twins"
