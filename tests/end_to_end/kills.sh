#!/usr/bin/env bash
# A campaign that is killed with SIGKILL at random moments, itself or one of its workers, and resumed each time, comes to
# the same end as one that is left alone: as many executions and failures, no run twice, no failure lost, a sound database.
#   kills.sh PROGRAM [KILLS]      default: 12
set -u
deadly=$(realpath "$1")
kills=${2:-12}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
RANDOM=${SEED:-1}

runs=$((kills * 150000))
campaign=(check rarely_wrong --runs "$runs" --keep-going --jobs 2 --no-minimize --json)
summary() { grep -o '"event":"failed".*' "$1" | grep -oE '"(executions|failures)":[0-9]+' | sort; }

"$deadly" "${campaign[@]}" --db whole.db >whole.out 2>/dev/null
killed=0
workers=0
recorded=
while :; do
  "$deadly" "${campaign[@]}" --db cut.db --resume >cut.out 2>cut.err &
  pid=$!
  sleep "0.$(printf %03d $((RANDOM % 800)))"
  if [ $killed -ge "$kills" ] || ! kill -0 $pid 2>/dev/null; then
    wait $pid
    break
  fi
  if [ $((RANDOM % 3)) -eq 0 ]; then  # a worker: the campaign goes on by itself
    worker=$(pgrep -P $pid | head -n 1)
    [ -z "$worker" ] || { kill -9 "$worker" 2>/dev/null && workers=$((workers + 1)); }
    sleep 0.05
  fi
  # Over already? A process that nobody has waited for can still be killed.
  if [ -n "$(summary cut.out)" ]; then
    wait $pid
    break
  fi
  kill -9 $pid 2>/dev/null && killed=$((killed + 1))
  wait $pid 2>/dev/null
  now=$(sqlite3 cut.db 'SELECT seed FROM failure ORDER BY id' 2>/dev/null | tr '\n' ' ')
  case "$now" in
    "$recorded"*) recorded=$now ;;
    *) echo "FAILED: failures were lost: '$recorded' became '$now'"; exit 1 ;;
  esac
  [ "$(sqlite3 cut.db 'PRAGMA integrity_check' 2>/dev/null || echo ok)" = ok ] || { echo "FAILED: the database is damaged"; exit 1; }
done

for out in whole cut; do
  [ -n "$(summary $out.out)" ] || { echo "FAILED: $out: no summary:"; cat $out.out cut.err; exit 1; }
done
if [ "$(summary whole.out)" != "$(summary cut.out)" ]; then
  echo "FAILED: left alone $(summary whole.out), killed $killed times $(summary cut.out)"
  exit 1
fi
messages() { sqlite3 "$1" 'SELECT message, min(CAST(seed AS INTEGER)) FROM failure GROUP BY message'; }
[ "$(messages whole.db)" = "$(messages cut.db)" ] || { echo "FAILED: other failures: $(messages whole.db) and $(messages cut.db)"; exit 1; }
ranges=$(sqlite3 cut.db 'SELECT first, end FROM done WHERE campaign = (SELECT max(campaign) FROM done)')
[ "$ranges" = "0|$runs" ] || { echo "FAILED: done: $ranges"; exit 1; }
echo "kills: $killed campaigns and $workers workers killed; $(summary cut.out | tr '\n' ' ')as without"
