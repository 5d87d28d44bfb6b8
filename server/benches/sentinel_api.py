"""What compare.sh asks of a running Sentinel, through its public API.

    sentinel_api.py URL PASSWORD prepare UNITS TOKENS_FILE    make units, write their ingest tokens
    sentinel_api.py URL PASSWORD stored UNITS                 how many fixes their history holds
"""

import json
import sys
import urllib.request

PREFIX = "BENCH-"


def call(url, method, path, token=None, body=None):
    request = urllib.request.Request(url + path, method=method)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=60) as answer:
        return json.load(answer)


def pages(url, path, token):
    cursor = ""
    while cursor is not None:
        page = call(url, "GET", f"{path}?limit=500{cursor}", token)
        yield from page["items"]
        cursor = page["next"] and "&cursor=" + urllib.request.quote(page["next"])


def prepare(url, token, units, file):
    stations = [n["scope"] for n in pages(url, "/api/v1/scopes", token) if n["scope"].startswith("station:")]
    if not stations:
        sys.exit("the server has no station")
    with open(file, "w", encoding="ascii") as out:
        for i in range(units):
            unit = {"id": f"{PREFIX}{i:04}", "kind": "load", "station": stations[i % len(stations)]}
            made = call(url, "POST", "/api/v1/units", token, unit)
            print(made["ingest_token"], file=out)


def stored(url, token, units):
    """The sum of what each unit's whole history counts."""
    span = "start_time=2000-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z&max_points=2"
    return sum(
        call(url, "GET", f"/api/v1/units/{PREFIX}{i:04}/route?{span}", token)["total"] for i in range(units)
    )


def main():
    url, password, what, units, *rest = sys.argv[1:]
    signed_in = call(url, "POST", "/api/v1/auth/login", body={"username": "admin", "password": password})
    token = signed_in["token"]
    if what == "prepare":
        prepare(url, token, int(units), *rest)
    else:
        print(stored(url, token, int(units)))


main()
