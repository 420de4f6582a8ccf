"""Start → first answer, cold beside warm, taking turns.

    python -m tests.benchmarks.warm_start [ROUNDS]

Limit for FastAPI + SQLAlchemy + httpx: warm ≤ 0.35 × cold (aim 0.15), medians. Flask and a plain service are shown too.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.runtime.buildpack.python import base_python, find_uv
from sandbox.runtime.client import ShimClient
from sandbox.runtime.launch import launch
from sandbox.runtime.zygote.keeper import existing
from sandbox.runtime.zygote.record import Record
from sandbox.runtime.zygote.seen import library_folders, modules
from tests.benchmarks.up import answers
from tests.runtime.home import project_paths
from tests.runtime.zygote.stage import Stage

LIMIT = 0.35

PACKAGES = ("fastapi", "sqlalchemy", "httpx", "uvicorn", "flask")

FASTAPI = """
import httpx
from fastapi import FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase): ...

class Bun(Base):
    __tablename__ = "bun"
    id: Mapped[int] = mapped_column(primary_key=True)

app = FastAPI()
engine = create_engine("sqlite://")
client = httpx.AsyncClient()

@app.get("/")
def home() -> dict[str, int]:
    with engine.connect() as connection:
        return {"buns": connection.execute(text("select 1")).scalar_one()}
"""

FLASK = """
from flask import Flask
app = Flask(__name__)

@app.get("/")
def home():
    return {"buns": 1}
"""

PLAIN = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Home(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Home).serve_forever()
"""

SERVICES = {
    "FastAPI + SQLAlchemy + httpx": (FASTAPI, "python -m uvicorn app:app --port $PORT"),
    "Flask": (FLASK, "flask --app app run --port $PORT"),
    "plain http.server": (PLAIN, "python app.py"),
}


@dataclass(frozen=True)
class Found:
    cold: list[float]
    warm: list[float]
    memory: float  # MB that one more warm instance takes (PSS)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        environment = install(Path(folder) / "env")
        found = {}
        for name, (program, command) in SERVICES.items():
            place = Path(folder) / name.split()[0]
            place.mkdir()
            (place / "app.py").write_text(program)
            found[name] = asyncio.run(measure(environment, place, command, rounds))
    report(found)


def install(place: Path) -> Path:
    create = ("venv", "--quiet", "--relocatable", "--no-project", "--python", base_python(), str(place))
    for arguments in (create, ("pip", "install", "--quiet", "--python", str(place), *PACKAGES)):
        subprocess.run([find_uv(), *arguments], check=True)
    return place


async def measure(environment: Path, folder: Path, command: str, rounds: int) -> Found:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    argv = command.replace("$PORT", port).split()
    with project_paths() as paths:
        launch(paths)
        shim = await ShimClient.connect(paths.shim_socket)
        stage = Stage(shim, paths, environment, folder)
        await prepare(stage, argv, port)
        cold, warm = [], []
        for _ in range(rounds):
            cold.append(await once(stage, "cold", argv, port))
            warm.append(await once(stage, "warm", argv, port))
        running = await stage.warm("memory", argv, PORT=port)
        await served(port)
        memory = pss(running.pid or 0)
        await shim.close()
    return Found(cold, warm, memory)


async def prepare(stage: Stage, argv: list[str], port: str) -> None:
    await once(stage, "cold", argv, port)
    await stage.cold("seen", argv, PORT=port)
    await served(port)
    folders = library_folders(stage.environment)
    record = Record(modules(existing(await stage.shim.seen("seen", folders), folders)))
    await stage.shim.stop("seen", 5)
    while (says := await stage.prepare(argv, record=record)) != "ready":
        module, _, why = says.removeprefix("doubt ").partition("\t")
        print(f"left out: {module}: {why}")
        record = record.without(module, why)
        await stage.shim.stop("z", 0)


async def once(stage: Stage, which: str, argv: list[str], port: str) -> float:
    start = stage.warm if which == "warm" else stage.cold
    began = time.perf_counter()
    await start(which, argv, PORT=port)
    await served(port)
    took = time.perf_counter() - began
    await stage.shim.stop(which, 5)
    return took


async def served(port: str) -> None:
    while not await asyncio.to_thread(answers, f"http://127.0.0.1:{port}/"):
        await asyncio.sleep(0.002)


def pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def report(found: Mapping[str, Found]) -> None:
    print(f"{'':<32}{'cold':>9}{'p95':>9}{'warm':>9}{'p95':>9}{'ratio':>8}{'PSS':>10}")
    for name, times in found.items():
        cold, warm = statistics.median(times.cold), statistics.median(times.warm)
        columns = "".join(f"{value * 1000:>6.0f} ms" for value in (cold, p95(times.cold), warm, p95(times.warm)))
        print(f"{name:<32}{columns}{warm / cold:>8.2f}{times.memory:>7.1f} MB")
    first = next(iter(found.values()))
    ratio = statistics.median(first.warm) / statistics.median(first.cold)
    print(f"limit {LIMIT}: {'kept' if ratio <= LIMIT else 'MISSED'}")


def p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * (len(times) - 1))]


if __name__ == "__main__":
    main()
