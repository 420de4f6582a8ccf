"""The shop window: its page sells buns. It calls orders."""

import logging
import os
import signal
import sys
import time

import requests
from flask import Flask, request, send_file

ME = {
    "service": os.environ.get("SANDBOX_SERVICE", "storefront"),
    "version": os.environ.get("SANDBOX_VERSION", "v1"),
    "instance": os.environ.get("SANDBOX_INSTANCE", "storefront-alone"),
}
ORDERS_URL = os.environ.get("ORDERS_URL", "http://orders")
PASS_ON = ("traceparent", "tracestate", "baggage", "x-request-id", "x-canary")

app = Flask(__name__)
app.json.compact = False  # people read it with curl
app.json.sort_keys = False


@app.get("/")
def page():
    return send_file("page.html")


@app.post("/api/buns")
def buy():
    started = time.perf_counter()
    headers = {name: request.headers[name] for name in PASS_ON if name in request.headers}
    status, answer = ask("orders", f"{ORDERS_URL}/orders", headers)
    hop = {**ME, "job": "sell a bun", "ms": round((time.perf_counter() - started) * 1000, 1)}
    path = [hop, *answer.pop("path")]
    message = answer.pop("error", None) or f"One {answer['bun']['name']} with {answer['filling']}. Enjoy!"
    print(f"POST /api/buns {status} {hop['ms']} ms: {message}", flush=True)
    return {"message": message, "ms": hop["ms"], **answer, "path": path}, status


def ask(callee, url, headers):
    """POST, and return (status, JSON answer). When there is none, the answer says so in the same shape."""
    try:
        response = requests.post(url, headers=headers, timeout=10)
        status, text = response.status_code, response.text
        return status, {"path": [], **response.json()}
    except requests.JSONDecodeError:  # not the callee's own words
        pass
    except requests.RequestException as problem:
        status, text = 502, str(problem)
    error = f"no answer from {callee} ({status}): {text.strip()}"
    return status, {"error": error, "failed": callee, "path": [{"service": callee, "error": error}]}


@app.get("/healthz")
def healthz():
    return {"status": "ok"}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # we print a line of our own
    app.run(os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8001")))
