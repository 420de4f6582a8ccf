"""The steamer turns dough into a bun. It calls the kneader.

The recipe is BUN: change its colour, save, and buy another one. ../steamer-v2 is a copy with a recipe of its own.
"""

import contextlib
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUN = {"name": "classic white bun", "color": "#fff6e6", "topping": "pleats"}  # or "swirl", or "sesame"
SECONDS = 0.02

ME = {
    "service": os.environ.get("SANDBOX_SERVICE", "steamer"),
    "version": os.environ.get("SANDBOX_VERSION", "v1"),
    "instance": os.environ.get("SANDBOX_INSTANCE", "steamer-alone"),
}
KNEADER_URL = os.environ.get("KNEADER_URL", "http://kneader")
PASS_ON = ("traceparent", "tracestate", "baggage", "x-request-id", "x-canary")


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


class Steamer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # callers may keep their connection
    wbufsize = -1  # head and body leave in one piece

    def do_GET(self):
        if self.path == "/healthz":
            self.reply(200, {"status": "ok"})
        elif self.path == "/bun":
            self.steam()
        else:
            self.reply(404, {"error": f"the steamer has no {self.path}", "path": []})

    def steam(self):
        started = time.perf_counter()
        headers = {name: self.headers[name] for name in PASS_ON if name in self.headers}
        status, answer = ask("kneader", f"{KNEADER_URL}/dough", headers)
        if status == 200:
            time.sleep(SECONDS)
            answer["bun"] = BUN
        hop = {**ME, "job": "steam a bun", "ms": round((time.perf_counter() - started) * 1000, 1)}
        self.reply(status, {**answer, "path": [hop, *answer["path"]]})
        print(f"GET {self.path} {status} {hop['ms']} ms: {answer.get('error', BUN['name'])}", flush=True)

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
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8003")))
    print("the steamer is hot on http://{}:{}".format(*address), flush=True)
    ThreadingHTTPServer(address, Steamer).serve_forever()
