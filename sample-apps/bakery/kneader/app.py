"""The kneader turns flour into dough. It calls the mill."""

import logging
import os
import signal
import sys
import time

import requests
from flask import Flask, request

ME = {
    "service": os.environ.get("SANDBOX_SERVICE", "kneader"),
    "version": os.environ.get("SANDBOX_VERSION", "v1"),
    "instance": os.environ.get("SANDBOX_INSTANCE", "kneader-alone"),
}
MILL_URL = os.environ.get("MILL_URL", "http://mill")
PASS_ON = ("traceparent", "tracestate", "baggage", "x-request-id", "x-canary")

app = Flask(__name__)
app.json.sort_keys = False


def ask(callee, url, headers):
    """GET the callee's JSON: (status, answer). When there is none, the answer says so in the same shape."""
    try:
        response = requests.get(url, headers=headers, timeout=10)
        status, text = response.status_code, response.text
        return status, {"path": [], **response.json()}
    except requests.JSONDecodeError:  # not the callee's own words
        pass
    except requests.RequestException as problem:
        status, text = 502, str(problem)
    error = f"no answer from the {callee} ({status}): {text.strip()}"
    return status, {"error": error, "failed": callee, "path": [{"service": callee, "error": error}]}


@app.get("/dough")
def dough():
    started = time.perf_counter()
    headers = {name: request.headers[name] for name in PASS_ON if name in request.headers}
    status, answer = ask("mill", f"{MILL_URL}/flour", headers)
    if status == 200:
        time.sleep(0.01)  # push, fold, turn
    hop = {**ME, "job": "knead dough", "ms": round((time.perf_counter() - started) * 1000, 1)}
    print(f"GET /dough {status} {hop['ms']} ms: {answer.get('error', 'dough')}", flush=True)
    return {**answer, "path": [hop, *answer["path"]]}, status


@app.get("/healthz")
def healthz():
    return {"status": "ok"}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # we print a line of our own
    app.run(os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8004")))
