"""Stock looks whether a tin of tea is on the shelf, and when it can be sent. It calls the depot.

It is the flaky one: on every fourth request the clerk is on the ladder, and it answers 503. Ask again.
"""

import contextlib
import itertools
import json
import os
import platform
import signal
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ME = {
    "service": os.environ.get("SANDBOX_SERVICE", "stock"),
    "version": os.environ.get("SANDBOX_VERSION", "v1"),
    "instance": os.environ.get("SANDBOX_INSTANCE", "stock-alone"),
    "language": f"Python {platform.python_version()}",
}
DEPOT_URL = os.environ.get("DEPOT_URL", "http://depot:8000")
PASS_ON = ("traceparent", "tracestate", "baggage", "x-request-id", "x-canary")
AWAY_EVERY = 4
requests = itertools.count(1)


def ask(callee, url, headers):
    """GET the callee's JSON: (status, answer). When there is none, the answer says so in the same shape."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as response:
        status, text = response.code, response.read().decode(errors="replace")
    except OSError as problem:
        status, text = 502, str(problem)
    try:
        return status, {"path": [], **json.loads(text)}
    except (ValueError, TypeError):  # not the callee's own words
        error = f"no answer from the {callee} ({status}): {text.strip()}"
        return status, {"error": error, "failed": callee, "path": [{"service": callee, "error": error}]}


class Stock(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # callers may keep their connection
    wbufsize = -1  # head and body leave in one piece

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self.reply(200, {"status": "ok"})
        elif path == "/tin":
            self.look()
        else:
            self.reply(404, {"error": f"stock has no {path}", "path": []})

    def look(self):
        started = time.perf_counter()
        if next(requests) % AWAY_EVERY == 0:
            status, answer = 503, {"error": "the clerk is on the ladder", "failed": "stock", "path": []}
        else:
            headers = {name: self.headers[name] for name in PASS_ON if name in self.headers}
            status, answer = ask("depot", f"{DEPOT_URL}/next", headers)
        hop = {**ME, "job": "look on the shelf", "ms": round((time.perf_counter() - started) * 1000, 1)}
        print(f"GET /tin {status} {hop['ms']} ms: {answer.get('error', 'a tin')}", flush=True)
        self.reply(status, {**answer, "path": [hop, *answer["path"]]})

    def reply(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self):
        with contextlib.suppress(ConnectionError):  # a caller that stopped waiting is no error of ours
            super().handle()

    def log_message(self, *args):
        pass  # we print a line of our own


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8004")))
    print("stock is open on http://{}:{}".format(*address), flush=True)
    ThreadingHTTPServer(address, Stock).serve_forever()
