"""The mill grinds wheat into flour. It calls the pantry.

It is the slow one: on every fourth request the stones jam and it takes 400 ms longer. Nothing is wrong with the next.
"""

import contextlib
import itertools
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ME = {
    "service": os.environ.get("SANDBOX_SERVICE", "mill"),
    "version": os.environ.get("SANDBOX_VERSION", "v1"),
    "instance": os.environ.get("SANDBOX_INSTANCE", "mill-alone"),
}
PANTRY_URL = os.environ.get("PANTRY_URL", "http://pantry")
PASS_ON = ("traceparent", "tracestate", "baggage", "x-request-id", "x-canary")
JAM_EVERY = 4
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


class Mill(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # callers may keep their connection
    wbufsize = -1  # head and body leave in one piece

    def do_GET(self):
        if self.path == "/healthz":
            self.reply(200, {"status": "ok"})
        elif self.path == "/flour":
            self.grind()
        else:
            self.reply(404, {"error": f"the mill has no {self.path}", "path": []})

    def grind(self):
        started = time.perf_counter()
        jammed = next(requests) % JAM_EVERY == 0
        headers = {name: self.headers[name] for name in PASS_ON if name in self.headers}
        status, answer = ask("pantry", f"{PANTRY_URL}/wheat", headers)
        if status == 200:
            time.sleep(0.405 if jammed else 0.005)
        hop = {**ME, "job": "grind flour", "ms": round((time.perf_counter() - started) * 1000, 1)}
        if status == 200 and jammed:
            hop["note"] = "the stones jammed"
        self.reply(status, {**answer, "path": [hop, *answer["path"]]})
        print(f"GET {self.path} {status} {hop['ms']} ms: {answer.get('error') or hop.get('note', 'flour')}", flush=True)

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
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8005")))
    print("the mill turns on http://{}:{}".format(*address), flush=True)
    ThreadingHTTPServer(address, Mill).serve_forever()
