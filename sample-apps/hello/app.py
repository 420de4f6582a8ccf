"""Says hello, and which instance said it."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETING = os.environ.get("GREETING", "Hello")
INSTANCE = os.environ.get("SANDBOX_INSTANCE", "hello, all alone")


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{GREETING} from {INSTANCE}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path != "/healthz":
            print(f"GET {self.path} 200", flush=True)
        self.wfile.write(body)

    def log_message(self, *args):
        pass  # we print a line of our own


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    print("hello listens on http://{}:{}".format(*address), flush=True)
    ThreadingHTTPServer(address, Hello).serve_forever()
