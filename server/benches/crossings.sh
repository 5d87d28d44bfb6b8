#!/bin/sh
# Fences on a server of its own: how long after a position is sent, and answered, its alert is on
# a live stream, among many fences; and whether each crossing was told once.
#   server/benches/crossings.sh [path of sentinel] [fences] [units] [positions per second] [seconds]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sentinel=${1:-target/release/sentinel}
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" || true; }; rm -rf "$folder"' EXIT

echo 'a password for benches' | "$sentinel" user add boss --data "$folder/data" > "$folder/told"
SENTINEL_LOG=warn "$sentinel" serve --data "$folder/data" --listen 127.0.0.1:0 --unit-rate-limit off > "$folder/told" &
server=$!
until grep -q 'Sentinel is at' "$folder/told"; do
    kill -0 "$server" || exit 1
    sleep 0.1
done
python3 -B "$here/crossings.py" "$(sed -n 's/^Sentinel is at //p' "$folder/told")" 'a password for benches' \
    "${2:-1000}" "${3:-200}" "${4:-500}" "${5:-20}"
