#!/bin/sh
# Webhooks to a receiver on this machine: deliveries a second of what all happens at once,
# and how long after an event, at a steady pace, its delivery arrives.
#   server/benches/webhooks.sh [path of sentinel] [units] [endpoints]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sentinel=${1:-target/release/sentinel}
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" || true; }; rm -rf "$folder"' EXIT

echo 'a password for benches' | "$sentinel" user add boss --data "$folder/data" > "$folder/told"
SENTINEL_LOG=warn "$sentinel" serve --data "$folder/data" --listen 127.0.0.1:0 --webhook-allow 127.0.0.1 > "$folder/told" &
server=$!
until grep -q 'Sentinel is at' "$folder/told"; do
    kill -0 "$server" || exit 1
    sleep 0.1
done
python3 "$here/webhooks.py" "$(sed -n 's/^Sentinel is at //p' "$folder/told")" 'a password for benches' "${2:-500}" "${3:-8}"
