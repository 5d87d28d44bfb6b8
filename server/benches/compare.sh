#!/usr/bin/env bash
# Sentinel beside a peer that does the same job with FastAPI, redis-py and Redis, in one
# run on one machine: the same load, by turns, both servers pinned to core 0 with all they
# need (Redis too), the load generator (wrk) pinned to core 1.
#
#   server/benches/compare.sh PEER_DIR [RESULT.md]
#
# PEER_DIR holds the peer's app.py (POST /locations) and single.lua (its wrk script).
# Needs: wrk, redis-server, python3 with venv, taskset, and a release build of Sentinel.
#
#   SENTINEL      the binary            (target/release/sentinel)
#   ROUNDS        rounds                (5)
#   SECONDS_EACH  seconds of each turn  (8)
#   CONNECTIONS   kept-alive ones       (64; redis-py refuses beyond 100 at once)
#   VENV          where the peer's packages are, or go  (~/.cache/sentinel-peer-venv)
#   SCALED_OUT=1  Sentinel over Redis too, on core 0 with it, and mongo-java-server; the peer
#                 keeps no history, so Sentinel's worker and database rest during turns and
#                 empty the queue between them
#   SERVICES      starts those two                      (target/debug/sentinel-services)
#
# A round is: the peer with Redis syncing each write (appendfsync always: like Sentinel, an
# answer means "on disk"), the peer with Redis syncing each second, Sentinel (over Redis: with
# each). Then the same with batches of 100. At the end Sentinel's history must hold exactly what it answered.
set -euo pipefail

peer=${1:?usage: compare.sh PEER_DIR [RESULT.md]}
result=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
sentinel=${SENTINEL:-$root/target/release/sentinel}
rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-8}
connections=${CONNECTIONS:-64}
venv=${VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/sentinel-peer-venv}
services=${SERVICES:-$root/target/debug/sentinel-services}
units=100
password=sentinel-demo
redis_port=7391 peer_port=7392 sentinel_port=7393
peer_url=http://127.0.0.1:$peer_port/locations
sentinel_url=http://127.0.0.1:$sentinel_port

for tool in wrk redis-server redis-cli python3 taskset curl awk; do
  command -v "$tool" >/dev/null || { echo "compare.sh needs $tool (on Debian: apt-get install wrk redis-server python3-venv util-linux curl)" >&2; exit 2; }
done
[ -x "$sentinel" ] || { echo "$sentinel is not built: cargo build --release -p sentinel-server" >&2; exit 2; }
[ -f "$peer/app.py" ] || { echo "$peer has no app.py" >&2; exit 2; }
if [ ! -x "$venv/bin/uvicorn" ]; then
  echo "installing the peer's packages into $venv" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q fastapi 'uvicorn[standard]' redis orjson
fi

work=$(mktemp -d)
pids=()
hold=
cleanup() {
  [ -z "${resting:-}" ] || kill -CONT $resting 2>/dev/null || true
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  # The services end when their standard input does.
  [ -z "$hold" ] || eval "exec $hold>&-"
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

wait_for() { # what, url
  for _ in $(seq 100); do
    curl -sf -o /dev/null "$2" && return
    sleep 0.1
  done
  echo "$1 does not answer at $2:" >&2
  tail -n 20 "$work"/*.log >&2
  exit 1
}

taskset -c 0 redis-server --port $redis_port --dir "$work" --save '' --appendonly yes \
  --appendfsync always --daemonize no >"$work/redis.log" 2>&1 &
pids+=($!)
peer_pids=($!)
(cd "$peer" && REDIS_URL=redis://127.0.0.1:$redis_port/0 PYTHONDONTWRITEBYTECODE=1 exec taskset -c 0 \
  "$venv/bin/uvicorn" app:app --port $peer_port --workers 1 --no-access-log --log-level warning) >"$work/peer.log" 2>&1 &
pids+=($!)
peer_pids+=($!)
where=(--data "$work/data")
own_redis=
if [ -n "${SCALED_OUT:-}" ]; then
  where=()
  coproc SERVED { exec taskset -c 0 "$services" redis mongo-java-server 2>"$work/services.log"; }
  hold=${SERVED[1]}
  read -r -t 60 _ SENTINEL_REDIS_URL <&"${SERVED[0]}"
  read -r -t 60 _ SENTINEL_MONGODB_URL <&"${SERVED[0]}"
  export SENTINEL_REDIS_URL SENTINEL_MONGODB_URL
  for child in $(pgrep -P "$SERVED_PID"); do
    case $(cat "/proc/$child/comm") in redis-server) own_redis=$child ;; java) own_database=$child ;; esac
  done
  # It rests during turns; between them it may have all of the machine.
  taskset -acp "0-$(($(nproc) - 1))" "$own_database" >/dev/null
fi
serve() {
  taskset -c 0 "$sentinel" serve --listen 127.0.0.1:$sentinel_port "${where[@]}" \
    --unit-rate-limit off --streams-per-credential off "$@" >>"$work/sentinel.log" 2>&1 &
  sentinel_pid=$!
  wait_for "Sentinel" "$sentinel_url/readyz"
}
# The demo's stations and sign-ins, then without its own moving units.
serve --demo
kill "$sentinel_pid"
wait "$sentinel_pid" || true
serve
pids+=("$sentinel_pid")
if [ -n "$own_redis" ]; then
  "$sentinel" worker >>"$work/sentinel.log" 2>&1 &
  pids+=($!)
  resting="$! $own_database"
fi
wait_for "the peer" "http://127.0.0.1:$peer_port/docs"
python3 "$here/sentinel_api.py" $sentinel_url $password prepare $units "$work/tokens"

answered=0 # fixes that Sentinel answered 2xx
rows=$work/rows
base=$(($(date +%s) - 7200))

# CPU time that processes have used, in hundredths of a second.
cpu_used() {
  local pid sum=0
  for pid in "$@"; do
    sum=$((sum + $(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }')))
  done
  echo $sum
}

# One turn of wrk. Prints answered posts per second, p50 and p99 in ms, all answered, how busy
# wrk was (percent of its core), and posts for each CPU second of the server; refuses non-2xx.
turn() { # name, fixes in a post, pids of the server, wrk's arguments
  local name=$1 batch=$2 server=$3 cpu
  shift 3
  # shellcheck disable=SC2086 # several pids
  cpu=$(cpu_used $server)
  TIMEFORMAT='%U %S'
  { time taskset -c 1 wrk -t1 -c"$connections" -d"${seconds}s" --latency "$@" >"$work/wrk.txt"; } 2>"$work/wrk-cpu.txt"
  # shellcheck disable=SC2086
  cpu=$(($(cpu_used $server) - cpu))
  if grep -q 'Non-2xx' "$work/wrk.txt"; then
    echo "$name refused posts:" >&2
    cat "$work/wrk.txt" >&2
    exit 1
  fi
  awk -v name="$name" -v batch="$batch" -v cpu="$cpu" -v busy="$(awk -v s="$seconds" '{ print 100 * ($1 + $2) / s }' "$work/wrk-cpu.txt")" '
    function ms(t) { return t ~ /us$/ ? t / 1000 : t ~ /ms$/ ? t + 0 : t * 1000 }
    $1 == "50%" { p50 = ms($2) } $1 == "99%" { p99 = ms($2) }
    / requests in / { n = $1 }
    $1 == "Requests/sec:" { rate = $2 }
    END { printf "%s\t%s\t%.0f\t%.2f\t%.2f\t%d\t%.0f\t%.0f\n", name, batch, rate, p50, p99, n, busy, n * 100 / cpu }' "$work/wrk.txt" | tee -a "$rows"
}

redis_sync() { redis-cli -p $redis_port config set appendfsync "$1" >/dev/null; }

peer_turn() { # name, policy, batch, script
  redis_sync "$2"
  sleep 1 # what the turn before left under way is not this turn's
  redis-cli -p $redis_port del telemetry >/dev/null
  turn "$1" "$3" "${peer_pids[*]}" -s "$4" "$peer_url" -- - "$base"
  local held posts
  held=$(redis-cli -p $redis_port xlen telemetry)
  posts=$(tail -n1 "$rows" | cut -f6)
  # What was under way when wrk stopped is stored too.
  if ((held < posts * $3 || held > (posts + connections) * $3)); then
    echo "the peer answered $posts posts of $3 and holds $held fixes" >&2
    exit 1
  fi
}

# What of Sentinel's queue waits for its worker.
waiting() {
  local shard sum=0
  for shard in $(seq 0 15); do sum=$((sum + $(redis-cli -u "$SENTINEL_REDIS_URL" xlen "in:{$shard}"))); done
  echo $sum
}

one_sentinel_turn() { # name, batch, script
  # shellcheck disable=SC2086 # several pids
  [ -z "$own_redis" ] || kill -STOP $resting
  turn "$1" "$2" "$sentinel_pid $own_redis" -s "$3" "$sentinel_url/api/v1/locations" -- "$work/tokens" "$base"
  if [ -n "$own_redis" ]; then
    # shellcheck disable=SC2086
    kill -CONT $resting
    while (($(waiting) > 0)); do sleep 0.2; done
  fi
  answered=$((answered + $(tail -n1 "$rows" | cut -f6) * $2))
  under_way=$((${under_way:-0} + connections * $2))
  base=$((base + 300))
}

sentinel_turn() { # batch, script
  if [ -z "$own_redis" ]; then
    one_sentinel_turn "Sentinel" "$@"
    return
  fi
  for policy in always everysec; do
    redis-cli -u "$SENTINEL_REDIS_URL" config set appendfsync $policy >/dev/null
    one_sentinel_turn "Sentinel, appendfsync $policy" "$@"
  done
}

# Milliseconds for the disk to keep one write of 16 KiB: what every durable answer waits for.
disk_sync() {
  local begun
  begun=$(date +%s%N)
  dd if=/dev/zero of="$work/sync" bs=16k count=100 oflag=dsync status=none
  awk -v ns=$(($(date +%s%N) - begun)) 'BEGIN { printf "%.2f", ns / 1e8 }'
}
sync_before=$(disk_sync)

echo "warming up" >&2
seconds_real=$seconds seconds=2
peer_turn warm always 1 "$peer/single.lua" >/dev/null
sentinel_turn 1 "$here/single.lua" >/dev/null
seconds=$seconds_real
: >"$rows"

for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  peer_turn "peer, appendfsync always" always 1 "$peer/single.lua" >&2
  peer_turn "peer, appendfsync everysec" everysec 1 "$peer/single.lua" >&2
  sentinel_turn 1 "$here/single.lua" >&2
  peer_turn "peer, appendfsync always" always 100 "$here/batch.lua" >&2
  sentinel_turn 100 "$here/batch.lua" >&2
done

held=$(python3 "$here/sentinel_api.py" $sentinel_url $password stored $units)
if ((held < answered || held > answered + under_way)); then
  echo "VOID: Sentinel answered $answered fixes and its history holds $held" >&2
  exit 1
fi

report() {
  echo "$(nproc) cores, $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo), Linux $(uname -r);" \
    "$rounds rounds of ${seconds} s, $connections connections, servers on core 0, wrk on core 1;" \
    "Redis $(redis-server --version | sed 's/.*v=\([0-9.]*\).*/\1/')," \
    "FastAPI $("$venv/bin/pip" list 2>/dev/null | awk '$1 == "fastapi" { print $2 }')," \
    "$("$venv/bin/python" --version). The disk keeps a 16 KiB write in $sync_before ms before" \
    "the run and $(disk_sync) ms after."
  echo
  python3 - "$rows" <<'PY'
import statistics, sys
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
runs = {}
for name, batch, *figures in rows:
    runs.setdefault((int(batch), name), []).append([float(figure) for figure in figures])
RATE, P50, P99, _, BUSY, PER_CPU = range(6)

def spread(values, digits=0):
    values = sorted(values)
    return " / ".join(f"{v:,.{digits}f}" for v in (values[0], statistics.median(values), values[-1]))

def ratio(own, theirs, column):
    # Round by round: both turns of a ratio ran within seconds of each other.
    return spread([mine[column] / other[column] for mine, other in zip(own, theirs)], 1)

print("Min / median / max of the rounds.\n")
print("| fixes in a post | server | posts/s | posts per CPU second | fixes/s | p50 ms | p99 ms | wrk busy |")
print("| --- | --- | --- | --- | --- | --- | --- | --- |")
for (batch, name), of in sorted(runs.items()):
    column = lambda i: [turn[i] for turn in of]
    median = lambda i: statistics.median(column(i))
    print(f"| {batch} | {name} | {spread(column(RATE))} | {spread(column(PER_CPU))} | {median(RATE) * batch:,.0f} "
          f"| {median(P50):.2f} | {median(P99):.2f} | {median(BUSY):.0f} % |")
def beside(batch, peer):
    alike = runs.get((batch, peer.replace("peer", "Sentinel")))
    return alike or runs[(batch, "Sentinel")]

print("\n| fixes in a post | Sentinel beside | times its posts/s | times its posts per CPU second |")
print("| --- | --- | --- | --- |")
for (batch, name), of in sorted(runs.items()):
    if name.startswith("peer"):
        own = beside(batch, name)
        print(f"| {batch} | {name} | {ratio(own, of, RATE)} | {ratio(own, of, PER_CPU)} |")
PY
  echo
  echo "Audit: Sentinel answered $answered fixes 2xx and its history holds $held" \
    "(up to $under_way were under way when wrk stopped)."
}
report | tee ${result:+"$result"}
