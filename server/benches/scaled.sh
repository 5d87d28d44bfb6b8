#!/usr/bin/env bash
# What Sentinel does scaled out: nodes and workers over one Redis and a server that speaks
# MongoDB's protocol, everything on this machine, by `sentinel load`. Every load run ends
# with its audit; one that is not exact stops the script.
#
#   server/benches/scaled.sh [PART...]      all of them, where none is named
#
#   fleet    UNITS units over STATIONS stations, a fix every EVERY seconds, DASHBOARDS
#            dashboards, two nodes, two workers, for MINUTES: answer, delivery, queue to archive,
#            CPU and memory of each process, what the database does
#   intake   `redis-benchmark -P 100 XADD` of one fix, and batches of 100 fixes through one
#            node, by turns
#   nodes    single fixes as many as one node takes, as two take, each held to NODE_CPU
#            percent of a core
#
#   SENTINEL   the binary                            (target/release/sentinel)
#   SERVICES   starts redis-server and the database  (target/debug/sentinel-services)
#   DATABASE   mongo-java-server or ferretdb, or the URL of one that runs  (mongo-java-server)
#   FSYNC      Redis syncs its log: everysec, always (everysec)
#   OUT        where reports and logs are kept       (a new folder under /tmp)
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
sentinel=${SENTINEL:-$root/target/release/sentinel}
services=${SERVICES:-$root/target/debug/sentinel-services}
database=${DATABASE:-mongo-java-server}
fsync=${FSYNC:-everysec}
units=${UNITS:-10000} every=${EVERY:-5} stations=${STATIONS:-600}
dashboards=${DASHBOARDS:-300} minutes=${MINUTES:-10}
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-10} node_cpu=${NODE_CPU:-30}
out=${OUT:-$(mktemp -d)}
mkdir -p "$out"

for tool in redis-benchmark redis-cli curl python3; do
  command -v "$tool" >/dev/null || { echo "scaled.sh needs $tool (on Debian: apt-get install redis-tools curl python3)" >&2; exit 2; }
done
[ -x "$sentinel" ] || { echo "$sentinel is not built: cargo build --release -p sentinel-server" >&2; exit 2; }
[ -x "$services" ] || { echo "$services is not built: cargo build -p sentinel-services" >&2; exit 2; }

started=()
groups=()
hold=
cleanup() {
  [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  for group in "${groups[@]}"; do rmdir "$group" 2>/dev/null || true; done
  # The services end when their standard input does.
  [ -z "$hold" ] || eval "exec $hold>&-"
}
trap cleanup EXIT

declare -A pid_of

# One Redis and one database, empty.
up() {
  local name url wanted=(redis)
  [ ! "$database" = "${database#*://}" ] || wanted+=("$database")
  local flags=()
  [ "$fsync" = everysec ] || flags+=(--appendfsync-always)
  coproc SERVED { exec "$services" "${flags[@]}" "${wanted[@]}" 2>"$out/services.log"; }
  hold=${SERVED[1]}
  export SENTINEL_MONGODB_URL=$database
  for _ in "${wanted[@]}"; do
    read -r -t 60 name url <&"${SERVED[0]}" || { echo "the services did not start: $out/services.log" >&2; exit 1; }
    case $name in
      redis) export SENTINEL_REDIS_URL=$url ;;
      *) export SENTINEL_MONGODB_URL=$url ;;
    esac
  done
  local child
  for child in $(pgrep -P "$SERVED_PID"); do
    case $(cat "/proc/$child/comm") in
      redis-server) pid_of[redis]=$child ;;
      java | ferretdb) pid_of[database]=$child ;;
    esac
  done
}

# name, arguments: in the background, its log in $out.
start() {
  local name=$1
  shift
  "$sentinel" "$@" >>"$out/$name.log" 2>&1 &
  pid_of[$name]=$!
  started+=($!)
}

ready() { # name, port
  for _ in $(seq 600); do
    curl -sf -o /dev/null "http://127.0.0.1:$2/readyz" && return
    kill -0 "${pid_of[$1]}" 2>/dev/null || break
    sleep 0.05
  done
  echo "$1 does not get ready:" >&2
  tail -n 20 "$out/$1.log" >&2
  exit 1
}

node() { # number, more flags
  local number=$1
  shift
  start "node$number" serve --listen 127.0.0.1:740$number --unit-rate-limit off --streams-per-credential off "$@"
  ready "node$number" 740"$number"
}

worker() { # number
  start "worker$1" worker --name "worker$1" --listen 127.0.0.1:741"$1"
  ready "worker$1" 741"$1"
}

stop() { # name
  kill "${pid_of[$1]}"
  wait "${pid_of[$1]}" || true
  unset "pid_of[$1]"
}

# A hierarchy and its sign-ins, without the demo's own moving units.
town() {
  node 1 --demo
  stop node1
}

pids() { for name in "${!pid_of[@]}"; do echo --server-pid "$name=${pid_of[$name]}"; done | sort; }

load() { # title, arguments
  local title=$1
  shift
  echo
  echo "== $title"
  # shellcheck disable=SC2046 # several words
  "$sentinel" load $(pids) --json "$out/last.json" "$@" 2>&1 | tee -a "$out/load.log"
}

figure() { python3 -c "import json, sys; print(int(json.load(open('$out/last.json'))['$1']))"; }

# The workers' counters, summed.
lag() { for number in 1 2; do curl -s "http://127.0.0.1:741$number/metrics" || true; done; }

# From the workers' histograms before and after: how long posts were in the queue.
lag_between() { # before, after
  python3 - "$1" "$2" <<'PY'
import collections, re, sys
def read(path):
    buckets = collections.Counter()
    for line in open(path):
        found = re.match(r'sentinel_archive_lag_seconds_bucket\{le="(.*)"\} (\d+)', line)
        if found:
            buckets[float(found[1])] += int(found[2])
    return buckets
before, after = map(read, sys.argv[1:])
if not after or not max(after.values()):
    sys.exit("the workers tell nothing")
within = {le: after[le] - before[le] for le in sorted(after)}
total = within[float("inf")]
print(f"queue to archive, {total} posts:", ", ".join(
    f"{100 * n / total:.2f} % within {1000 * le:g} ms" for le, n in within.items() if 0.005 <= le <= 2))
PY
}

fleet() {
  up
  town
  node 1
  node 2
  worker 1
  worker 2
  local urls=http://127.0.0.1:7401,http://127.0.0.1:7402 rate=$((units / every))
  load "a minute to come on duty, and for the database to warm up" --url $urls --units "$units" \
    --stations "$stations" --rate $rate --duration 60 --connections 64
  lag >"$out/before.txt"
  local commands
  commands=$(redis-cli -u "$SENTINEL_REDIS_URL" info stats | awk -F: '$1 == "total_commands_processed" { print $2 + 0 }')
  load "$units units every $every s, $dashboards dashboards, $stations stations, $minutes minutes" --url $urls \
    --units "$units" --rate $rate --duration $((60 * minutes)) --connections 64 --dashboards "$dashboards"
  lag >"$out/after.txt"
  lag_between "$out/before.txt" "$out/after.txt"
  redis-cli -u "$SENTINEL_REDIS_URL" info stats |
    awk -F: -v before="$commands" '$1 == "total_commands_processed" { print "redis      " $2 - before " commands since the warm-up" }'
  down
}

# Fixes per second that redis-benchmark's pipelines of 100 add to a stream of their own.
xadd() {
  local fix='{"device_id":"LOAD-0001","timestamp":"2026-01-01T08:00:00.000Z","latitude":9.931233,"longitude":76.267304,"speed":11.4,"heading":271.5,"accuracy":4.8,"battery":81}'
  redis-benchmark -u "$SENTINEL_REDIS_URL" --csv -P 100 -n $((seconds * 150000)) XADD benchmark '*' fix "$fix" 2>/dev/null |
    tail -n 1 | awk -F'","' '{ print $(NF - 6) }' # the command itself has commas, too
  redis-cli -u "$SENTINEL_REDIS_URL" del benchmark >/dev/null
}

intake() {
  up
  town
  node 1
  worker 1
  load "to warm up" --closed --batch 100 --connections 32 --duration 5 --url http://127.0.0.1:7401 --unit-prefix WARM-
  local round own theirs ratios=()
  for round in $(seq "$rounds"); do
    echo
    theirs=$(xadd)
    load "round $round of $rounds: batches of 100" --closed --batch 100 --connections 32 --duration "$seconds" \
      --url http://127.0.0.1:7401 --unit-prefix "BATCH$round-"
    own=$(figure answered_fixes_per_s)
    echo "redis-benchmark -P 100 XADD: ${theirs%.*} fixes/s; Sentinel in batches of 100: $own fixes/s"
    ratios+=("$(awk -v own="$own" -v theirs="$theirs" 'BEGIN { printf "%.2f", own / theirs }')")
  done
  echo "times redis-benchmark's, round by round: ${ratios[*]}"
  down
}

# Holds a process to so many percent of a core.
held() { # name, percent
  local group
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    group=/sys/fs/cgroup/sentinel-bench-$1
    mkdir "$group"
    echo "$(($2 * 100)) 10000" >"$group/cpu.max"
  else
    group=/sys/fs/cgroup/cpu/sentinel-bench-$1
    mkdir "$group"
    echo 10000 >"$group/cpu.cfs_period_us"
    echo $(($2 * 100)) >"$group/cpu.cfs_quota_us"
  fi
  groups+=("$group")
  echo "${pid_of[$1]}" >"$group/cgroup.procs"
}

nodes() {
  up
  town
  node 1
  node 2
  worker 1
  held node1 "$node_cpu"
  held node2 "$node_cpu"
  local round one two urls=http://127.0.0.1:7401 ratios=()
  load "to warm up" --closed --connections 64 --duration 5 --url $urls,http://127.0.0.1:7402 --unit-prefix WARM-
  for round in $(seq "$rounds"); do
    load "round $round of $rounds: one node, $node_cpu % of a core" --closed --connections 64 \
      --duration "$seconds" --url $urls --unit-prefix "ONE$round-"
    one=$(figure answered_fixes_per_s)
    load "round $round of $rounds: two nodes, each $node_cpu % of a core" --closed --connections 64 \
      --duration "$seconds" --url $urls,http://127.0.0.1:7402 --unit-prefix "TWO$round-"
    two=$(figure answered_fixes_per_s)
    ratios+=("$(awk -v one="$one" -v two="$two" 'BEGIN { printf "%.2f", two / one }')")
  done
  echo "single posts: two nodes take times one, round by round: ${ratios[*]}"
  down
}

down() {
  for name in "${!pid_of[@]}"; do
    case $name in redis | database) ;; *) stop "$name" ;; esac
  done
  started=()
  pid_of=()
  eval "exec $hold>&-"
  hold=
  wait "$SERVED_PID" 2>/dev/null || true
}

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(fleet intake nodes)
echo "$(nproc) cores, $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo), Linux $(uname -r);" \
  "$(redis-server --version | sed 's/.*v=\([0-9.]*\).*/Redis \1/'), appendfsync $fsync; $database; logs in $out"
for part in "${parts[@]}"; do "$part"; done
