"""The pantry hands out wheat and red bean paste. It calls nobody.

It is the flaky one: it drops every fifth sack of wheat and answers 503. Ask again and you get the next sack.
"""

import contextlib
import itertools
import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ME = {
    "service": os.environ.get("SANDBOX_SERVICE", "pantry"),
    "version": os.environ.get("SANDBOX_VERSION", "v1"),
    "instance": os.environ.get("SANDBOX_INSTANCE", "pantry-alone"),
}
DROP_EVERY = 5
sacks = itertools.count(1)


class Pantry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # callers may keep their connection
    wbufsize = -1  # head and body leave in one piece

    def do_GET(self):
        if self.path == "/healthz":
            self.reply(200, {"status": "ok"})
        elif self.path == "/wheat":
            self.hand_out_wheat()
        elif self.path == "/filling":
            self.hand_out("fetch filling", {"filling": "red bean paste"})
        else:
            self.reply(404, {"error": f"the pantry has no {self.path}", "path": []})

    def hand_out_wheat(self):
        sack = next(sacks)
        if sack % DROP_EVERY == 0:
            self.hand_out("fetch wheat", error=f"the pantry dropped sack {sack} of wheat")
        else:
            self.hand_out("fetch wheat", {"wheat": f"sack {sack}"})

    def hand_out(self, job, goods=None, error=None):
        started = time.perf_counter()
        time.sleep(0.003)  # the walk to the shelf
        hop = {**ME, "job": job, "ms": round((time.perf_counter() - started) * 1000, 1)}
        if error:
            self.reply(503, {"error": error, "failed": "pantry", "path": [{**hop, "error": error}]})
        else:
            self.reply(200, {**goods, "path": [hop]})
        print(f"{self.command} {self.path} {503 if error else 200} {hop['ms']} ms: {error or job}", flush=True)

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
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8006")))
    print("the pantry is open on http://{}:{}".format(*address), flush=True)
    ThreadingHTTPServer(address, Pantry).serve_forever()
