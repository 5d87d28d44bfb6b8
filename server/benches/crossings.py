"""What crossings.sh asks of a running Sentinel.

    crossings.py URL PASSWORD FENCES UNITS POSITIONS_PER_S SECONDS

Fences lie in a grid; each unit is at home in one of them and is now in it, now between it and the
next. Every tenth position crosses; each crossing is an alert.
"""

import http.client
import json
import math
import sys
import threading
import time
import urllib.parse

from webhooks import Api, make_station

SENDERS = 8
CROSSES_EVERY = 10
STEP = 0.01  # degrees between fences; each has 200 m around its middle


def middle(fence, fences):
    side = math.ceil(math.sqrt(fences))
    return 9 + STEP * (fence // side), 76 + STEP * (fence % side)


def stamp(seconds):
    milliseconds = round(seconds * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03}Z"


class Listener(threading.Thread):
    """Hears alerts on a live stream, and when."""

    def __init__(self, url, token):
        super().__init__(daemon=True)
        self.heard, self.twice, self.ready = {}, 0, threading.Event()
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(url).netloc, timeout=600)
        self.connection.request(
            "GET", "/api/v1/stream?interval_ms=1000", headers={"Authorization": f"Bearer {token}"}
        )
        self.answer = self.connection.getresponse()
        if self.answer.status != 200:
            sys.exit(f"the stream: {self.answer.status} {self.answer.read().decode()}")

    def run(self):
        while line := self.answer.readline():
            now = time.time()
            if not line.startswith(b"data:"):
                continue
            self.ready.set()
            frame = json.loads(line[5:])
            if frame.get("kind") == "alert":
                alert = frame["alert"]
                crossed = (alert["unit_id"], alert["time"])
                self.twice += crossed in self.heard
                self.heard.setdefault(crossed, now)


class Sender(threading.Thread):
    """Posts the positions of its share of the units at a steady pace."""

    def __init__(self, url, units, fences, rate, until):
        super().__init__()
        self.url, self.units, self.fences, self.rate, self.until = url, units, fences, rate, until
        self.crossed, self.posts = {}, 0

    def run(self):
        apis = Api(self.url)
        begun = time.time()
        count = [0] * len(self.units)
        while True:
            due = begun + self.posts / self.rate
            if due > self.until:
                return
            time.sleep(max(0, due - time.time()))
            n = self.posts % len(self.units)
            unit, token, fence = self.units[n]
            outside = count[n] // CROSSES_EVERY % 2 == 0
            latitude, longitude = middle(fence, self.fences)
            sent = time.time()
            at = stamp(sent)
            apis.token = token
            coords = {"latitude": latitude + (STEP / 2 if outside else 0), "longitude": longitude}
            apis.call("POST", "/api/v1/locations", {"location": [{"timestamp": at, "coords": coords}]})
            if count[n] > 0 and count[n] % CROSSES_EVERY == 0:
                self.crossed[(unit, at)] = (sent, time.time())
            count[n] += 1
            self.posts += 1


def percentiles(name, seconds):
    ordered = sorted(seconds)
    at = lambda share: 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]
    print(f"{name:<28} p50 {at(.5):.2f}  p90 {at(.9):.2f}  p99 {at(.99):.2f}  max {1000 * ordered[-1]:.2f} ms")


def main():
    url, password = sys.argv[1:3]
    fences, units, rate, seconds = map(int, sys.argv[3:7])
    api = Api(url)
    api.token = api.call("POST", "/api/v1/auth/login", {"username": "boss", "password": password})["token"]
    make_station(api)
    for fence in range(fences):
        latitude, longitude = middle(fence, fences)
        shape = {"type": "circle", "latitude": latitude, "longitude": longitude, "radius_m": 200}
        on = {"enter": True, "exit": True}
        api.call("POST", "/api/v1/geofences", {"name": f"F{fence}", "scope": "district:1", "shape": shape, "on": on})
    made = []
    for n in range(units):
        unit = f"X-{n}"
        answer = api.call("POST", "/api/v1/units", {"id": unit, "name": unit, "kind": "car", "station": "station:1"})
        made.append((unit, answer["ingest_token"], n * fences // units))
    listener = Listener(url, api.token)
    listener.start()
    listener.ready.wait(30)
    until = time.time() + seconds
    share = [made[n::SENDERS] for n in range(SENDERS)]
    senders = [Sender(url, some, fences, rate / SENDERS, until) for some in share if some]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    crossed = {key: times for sender in senders for key, times in sender.crossed.items()}
    deadline = time.time() + 30
    while len(listener.heard) < len(crossed) and time.time() < deadline:
        time.sleep(0.05)
    missing, more = crossed.keys() - listener.heard.keys(), listener.heard.keys() - crossed.keys()
    posts = sum(sender.posts for sender in senders)
    print(f"{fences} fences, {units} units, {posts / seconds:.0f} positions/s, {len(crossed)} crossings")
    print(f"told {len(listener.heard)}, missing {len(missing)}, too many {len(more)}, twice {listener.twice}")
    if missing or more or listener.twice or not crossed:
        sys.exit("not each crossing was told once: these figures count as nothing")
    percentiles("sent to alert", [listener.heard[key] - sent for key, (sent, _) in crossed.items()])
    percentiles("answered to alert", [listener.heard[key] - answered for key, (_, answered) in crossed.items()])


main()
