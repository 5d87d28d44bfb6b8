#!/bin/sh
# A million fixes imported and exported: rates, and the most memory that the server took.
#   server/benches/export.sh [path of sentinel] [fixes]
set -eu
sentinel=${1:-target/release/sentinel}
fixes=${2:-1000000}
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT

awk -v n="$fixes" 'BEGIN {
    print "time,latitude,longitude,speed,heading,accuracy,battery"
    for (i = 0; i < n; i++)
        printf "%d,%.7f,%.7f,%.1f,%d,4.5,0.%02d\n", 1700000000 + i, 9.5 + i / 1e7, 76.25 + (i % 1000) / 1e5, i % 30, i % 360, i % 100
}' > "$folder/trip.csv"

echo 'a password for benches' | "$sentinel" user add boss --data "$folder/data" > "$folder/told"
begin() {
    SENTINEL_LOG=warn "$sentinel" serve --data "$folder/data" --listen 127.0.0.1:0 > "$folder/told" &
    server=$!
    until grep -q 'Sentinel is at' "$folder/told"; do sleep 0.1; done
    url=$(sed -n 's/^Sentinel is at //p' "$folder/told")
}
begin

ask() { curl -sf -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }
token=$(curl -sf "$url/api/v1/auth/login" -d '{"username":"boss","password":"a password for benches"}' |
    sed 's/.*"token":"\([^"]*\)".*/\1/')
for scope in 'zone:1 district:1' 'division:1 zone:1' 'station:1 division:1'; do
    ask "$url/api/v1/scopes" -d "{\"scope\":\"${scope% *}\",\"name\":\"bench\",\"parent\":\"${scope#* }\"}" > /dev/null
done
ask "$url/api/v1/units" -d '{"id":"PC-1","station":"station:1"}' > /dev/null

memory() { awk -v what="$1" '$1 == "VmHWM:" { printf "%s: at most %.0f MB\n", what, $2 / 1024 }' "/proc/$server/status"; }
rate() { date +%s.%N | awk -v begun="$1" -v n="$fixes" '{ printf "%.0f", n / ($1 - begun) }'; }
range='start_time=2020-01-01T00:00:00Z&end_time=2030-01-01T00:00:00Z'
memory 'begin'
begun=$(date +%s.%N)
ask --data-binary @"$folder/trip.csv" "$url/api/v1/units/PC-1/import"
echo
echo "import: $(rate "$begun") fixes/s"
memory 'after the import'
# What the import left in memory is not the exports'.
kill "$server"
wait "$server" || true
begin
memory 'begun anew'
for format in csv gpx geojson kml; do
    # The most since here.
    echo 5 > "/proc/$server/clear_refs"
    begun=$(date +%s.%N)
    ask "$url/api/v1/history/export?scope=district:1&$range&format=$format" > "$folder/file"
    memory "$format: $(rate "$begun") fixes/s, $(wc -c < "$folder/file") bytes"
done
