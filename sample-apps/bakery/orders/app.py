"""Orders has a bun steamed and fetches its filling, both at once. It calls the steamer and the pantry."""

import asyncio
import itertools
import os
import time
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

ME = {
    "service": os.environ.get("SANDBOX_SERVICE", "orders"),
    "version": os.environ.get("SANDBOX_VERSION", "v1"),
    "instance": os.environ.get("SANDBOX_INSTANCE", "orders-alone"),
}
STEAMER_URL = os.environ.get("STEAMER_URL", "http://steamer")
PANTRY_URL = "http://pantry:8000"  # the plain name and port work too, for clients that honour HTTP_PROXY
PASS_ON = ("traceparent", "tracestate", "baggage", "x-request-id", "x-canary")
numbers = itertools.count(1)


@asynccontextmanager
async def lifespan(app):
    async with httpx.AsyncClient(timeout=10) as app.state.client:
        yield


app = FastAPI(title="orders", lifespan=lifespan)


async def ask(callee, url, headers):
    """GET the callee's JSON: (status, answer). When there is none, the answer says so in the same shape."""
    try:
        response = await app.state.client.get(url, headers=headers)
        status, text = response.status_code, response.text
        return status, {"path": [], **response.json()}
    except httpx.HTTPError as problem:
        status, text = 502, str(problem)
    except (ValueError, TypeError):  # not the callee's own words
        pass
    error = f"no answer from the {callee} ({status}): {text.strip()}"
    return status, {"error": error, "failed": callee, "path": [{"service": callee, "error": error}]}


@app.post("/orders")
async def order(request: Request):
    started = time.perf_counter()
    headers = {name: request.headers[name] for name in PASS_ON if name in request.headers}
    (status, bun), (filling_status, filling) = await asyncio.gather(
        ask("steamer", f"{STEAMER_URL}/bun", headers),
        ask("pantry", f"{PANTRY_URL}/filling", headers),
    )
    answer = {"order": next(numbers), **filling, **bun}
    if status == 200 and filling_status != 200:
        status, answer = filling_status, {**answer, **filling}
    job = f"take order {answer['order']}"
    hop = {**ME, "job": job, "ms": round((time.perf_counter() - started) * 1000, 1)}
    print(f"POST /orders {status} {hop['ms']} ms: {answer.get('error', job)}", flush=True)
    return JSONResponse({**answer, "path": [hop, *bun["path"], *filling["path"]]}, status)


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8002")),
        access_log=False,  # we print a line of our own
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
