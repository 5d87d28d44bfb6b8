#!/usr/bin/env bash
# The figures that Sentinel promises, one after the other, by `sentinel load`: the server
# pinned to core 0, the load to core 1. Every load run ends with its audit; one that is not
# exact stops the script.
#
#   server/benches/measure.sh [RESULT.txt]
#
#   SENTINEL   the binary                              (target/release/sentinel)
#   SECONDS_EACH  seconds of each run                  (15)
#   NEARBY_UNITS  units for the nearby look-up         (10000; the promise is for 100000)
#   RESTART_FIXES fixes stored before the restart      (10000000; 0 leaves it out)
#   IDLE_SOCKETS  idle live sockets, then as many      (5000; raise `ulimit -n` for more)
#                 subscribers by server-sent events
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
sentinel=${SENTINEL:-$root/target/release/sentinel}
seconds=${SECONDS_EACH:-15}
nearby_units=${NEARBY_UNITS:-10000}
restart_fixes=${RESTART_FIXES:-10000000}
idle=${IDLE_SOCKETS:-5000}
result=${1:-/dev/null}
port=7394
url=http://127.0.0.1:$port
[ -x "$sentinel" ] || { echo "$sentinel is not built: cargo build --release -p sentinel-server" >&2; exit 2; }
ulimit -n "$(ulimit -Hn)"

work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  # Only for the server: tee ends with this script, and waiting for it would be for ever.
  [ -z "$server" ] || wait "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

serve() { # more flags
  taskset -c 0 "$sentinel" serve --listen 127.0.0.1:$port --data "$work/data" --unit-rate-limit off --streams-per-credential off "$@" \
    >>"$work/sentinel.log" 2>&1 &
  server=$!
  for _ in $(seq 600); do
    curl -sf -o /dev/null $url/readyz && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  echo "Sentinel does not get ready:" >&2
  tail -n 20 "$work/sentinel.log" >&2
  exit 1
}

load() { # title, arguments
  echo
  echo "== $1"
  shift
  taskset -c 1 "$sentinel" load --url $url --server-pid "$server" --json "$work/last.json" "$@"
}

figure() { python3 -c "import json, sys; print(int(json.load(open('$work/last.json'))[sys.argv[1]]))" "$1"; }

main() {
  # The demo's stations and sign-ins, then without its own moving units.
  serve --demo
  kill "$server"
  wait "$server" || true
  serve
  load "single fixes, as many as it can" --closed --duration "$seconds" --connections 64
  half=$(($(figure answered_fixes_per_s) / 2))
  load "batches of 100, as many as it can" --closed --batch 100 --duration "$seconds" --connections 32
  # The same units, first only to come on duty: a unit's first fix waits for its patrol.
  load "half load, once for the units to start their patrols" --rate $half --duration 2 --connections 64
  load "single fixes at half load: answer p99" --rate $half --duration "$seconds" --connections 64
  load "2,000 fixes/s and 100 dashboards: answered to socket" --rate 2000 --dashboards 100 --duration "$seconds"
  load "the same, half of the dashboards by server-sent events" --rate 2000 --dashboards 50 --sse 50 \
    --duration "$seconds"
  load "many deliveries: 300 dashboards of the district" --rate 10000 --dashboards 300 --scopes district \
    --duration "$seconds"
  load "idle sockets" --idle-sockets "$idle"
  load "idle subscribers by server-sent events" --idle-sse "$idle"
  load "reads" --read --units 1000 --prepare-day LOAD-DAY
  load "reads among $nearby_units units" --read --units "$nearby_units" --unit-prefix NEAR-

  if ((restart_fixes > 0)); then
    echo
    echo "== restart with $restart_fixes fixes more"
    load "storing them" --rate 200000 --batch 1000 --units 500 --unit-prefix MANY- \
      --duration $((restart_fixes / 200000)) --connections 8
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    local begun
    begun=$(date +%s%N)
    serve
    echo "ready after kill -9 in $((($(date +%s%N) - begun) / 1000000)) ms, history of $(du -h "$work/data/history.db" | cut -f1)"
  fi
}
exec > >(tee "$result")
main
