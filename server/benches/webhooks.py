"""What webhooks.sh asks of a running Sentinel, and the receiver that it sends to.

    webhooks.py URL PASSWORD UNITS ENDPOINTS

Every unit comes on duty and goes off: two events each, to every endpoint. First all at
once, for the rate; then at a steady pace, for the time from an event to its arrival.
"""

import asyncio
import datetime
import http.client
import json
import queue
import sys
import threading
import time
import urllib.parse

CALLERS = 16
EVENTS_PER_S = 20
PACED_EVENTS = 400
WAIT_S = 300


class Receiver(asyncio.Protocol):
    """Answers every POST with 204 and notes when it came."""

    arrivals = []

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while True:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(headers[b"content-length"])
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.arrivals.append((headers[b"webhook-id"], rest[:length], time.time()))
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def receive():
    """Listens in a thread of its own; the port."""
    listening = queue.Queue()

    async def main():
        server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0, backlog=512)
        listening.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    return listening.get()


class Api:
    """One connection, signed in."""

    def __init__(self, url, token=None):
        self.url, self.token = url, token
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(url).netloc, timeout=60)

    def call(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None


def make_station(api):
    for scope, parent in (("zone:1", "district:1"), ("division:1", "zone:1"), ("station:1", "division:1")):
        api.call("POST", "/api/v1/scopes", {"scope": scope, "name": "bench", "parent": parent})


def shift(api, unit):
    patrol = api.call("POST", "/api/v1/patrols", {"unit_id": unit, "station": "station:1"})
    api.call("POST", f"/api/v1/patrols/{patrol['id']}/end")


def at_once(url, token, units):
    """All shifts as fast as so many callers can; seconds that took."""
    waiting = queue.Queue()
    for unit in units:
        waiting.put(unit)

    def work():
        api = Api(url, token)
        while True:
            try:
                shift(api, waiting.get_nowait())
            except queue.Empty:
                return

    begun = time.time()
    callers = [threading.Thread(target=work) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return time.time() - begun


def until(count):
    """The arrivals, once so many different ones are there."""
    deadline = time.time() + WAIT_S
    while len({name for name, _, _ in Receiver.arrivals}) < count:
        if time.time() > deadline:
            sys.exit(f"only {len(Receiver.arrivals)} of {count} deliveries came within {WAIT_S} s")
        time.sleep(0.05)
    return Receiver.arrivals[:]


def happened(body):
    return datetime.datetime.fromisoformat(json.loads(body)["timestamp"].replace("Z", "+00:00")).timestamp()


def main():
    url, password, units, endpoints = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    port = receive()
    api = Api(url)
    api.token = api.call("POST", "/api/v1/auth/login", {"username": "boss", "password": password})["token"]
    make_station(api)
    names = [f"BENCH-{n:04}" for n in range(units)]
    for name in names:
        api.call("POST", "/api/v1/units", {"id": name, "station": "station:1"})
    hook = f"http://127.0.0.1:{port}/hook"
    wanted = {"url": hook, "scope": "district:1", "events": ["patrol.started", "patrol.ended"]}
    for n in range(endpoints):
        api.call("POST", "/api/v1/webhooks", {"name": f"bench {n}", **wanted})

    total = 2 * units * endpoints
    begun = time.time()
    took = at_once(url, api.token, names)
    arrivals = until(total)
    seconds = max(at for _, _, at in arrivals) - begun
    print(f"at once: {2 * units} events in {took:.1f} s, {total} deliveries to {endpoints} endpoints in {seconds:.1f} s:"
          f" {total / seconds:.0f} deliveries/s, {len(arrivals) - total} a second time")

    Receiver.arrivals.clear()
    for n in range(PACED_EVENTS // 2):
        shift(api, names[n % units])
        time.sleep(2 / EVENTS_PER_S)
    arrivals = until(PACED_EVENTS * endpoints)
    waits = sorted(1000 * (at - happened(body)) for _, body, at in arrivals)
    p50, p99 = (waits[int(len(waits) * share)] for share in (0.5, 0.99))
    print(f"paced: {EVENTS_PER_S} events/s to {endpoints} endpoints, from the event to its arrival:"
          f" p50 {p50:.0f} ms, p99 {p99:.0f} ms, at most {waits[-1]:.0f} ms")


if __name__ == "__main__":
    main()
