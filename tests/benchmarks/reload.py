"""Save → new answer, beside a cold start and the server's own reloader, taking turns.

    python -m tests.benchmarks.reload [process | docker] [SAVES]
    python -m tests.benchmarks.reload endurance [SAVES]

The references are installed from PyPI. Limits (medians). Processes: FastAPI + SQLAlchemy + httpx ≤ 0.35 × its cold
start (aim 0.15) and ≤ 0.5 × `uvicorn --reload`; Node ≤ 1.2 × its cold start. Containers: ≤ 0.5 × `docker restart -t 0`
and the start after it where the start is warm, ≤ 1.0 × where it is not. A thousand reloads: the supervisor's memory
grows by 5 MB at most, and its open files not at all.

For containers: eval "$(.ci/engine --variables)".
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from sandbox.runtime.buildpack.python import find_uv
from tests.benchmarks.engine import docker_command
from tests.benchmarks.project import Project, project
from tests.integration import load

PAUSE = 0.005
"""Seconds between two questions: more of them would keep a machine of two cores from what they are asked about."""

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
def home() -> int:
    with engine.connect() as connection:
        return CODE * connection.execute(text("select 1")).scalar_one()
"""

FLASK = """
from flask import Flask
app = Flask(__name__)

@app.get("/")
def home():
    return str(CODE)
"""

PLAIN = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Home(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(CODE).encode())

    def log_message(self, *words): pass

ThreadingHTTPServer(("", int(os.environ["PORT"])), Home).serve_forever()
"""

EXPRESS = """
const app = require("express")();
app.get("/", (_, answer) => answer.send(String(CODE)));
app.listen(process.env.PORT);
"""

NODE = """
require("node:http").createServer((_, answer) => answer.end(String(CODE))).listen(process.env.PORT)
"""


@dataclass(frozen=True)
class App:
    name: str
    source: str
    file: str = "app.py"
    requirements: str = ""
    command: tuple[str, ...] = ()  # with PORT for the port; empty: the file itself
    own_reloader: tuple[str, ...] = ()
    limit: float | None = None  # of the ratio to a cold start

    @property
    def is_node(self) -> bool:
        return self.file.endswith(".js")


UVICORN = ("python", "-m", "uvicorn", "app:app", "--host", "0.0.0.0", "--port", "PORT", "--log-level", "warning")

APPS = (
    App(
        name="FastAPI + SQLAlchemy + httpx",
        source=FASTAPI,
        requirements="fastapi\nsqlalchemy\nhttpx\nuvicorn[standard]\n",
        command=UVICORN,
        own_reloader=(*UVICORN, "--reload"),
        limit=0.35,
    ),
    App(
        name="Flask",
        source=FLASK,
        requirements="flask\n",
        command=("python", "-m", "flask", "--app", "app", "run", "--host", "0.0.0.0", "--port", "PORT"),
        own_reloader=("python", "-m", "flask", "--app", "app", "run", "--debug", "--port", "PORT"),
    ),
    App(name="plain Python", source=PLAIN),
    App(name="Node: Express", source=EXPRESS, file="server.js", requirements="express", limit=1.2),
    App(name="plain Node", source=NODE, file="server.js"),
)


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.isdigit()]
    saves = next((int(word) for word in sys.argv[1:] if word.isdigit()), 30)
    match words:
        case ["endurance"]:
            asyncio.run(endurance(saves))
        case ["docker"]:
            in_containers(APPS[0], saves)
        case [] | ["process"]:
            for app in APPS:
                if not app.is_node or shutil.which("npm"):
                    as_processes(app, saves)
        case _:
            raise SystemExit(__doc__)


# --- the apps -----------------------------------------------------------------------------------------------------


class Folder:
    """Where an app is saved."""

    def __init__(self, app: App, path: Path) -> None:
        self.app = app
        self.path = path
        self.number = 0
        path.mkdir(parents=True, exist_ok=True)
        if app.is_node:
            needs = dict.fromkeys(app.requirements.split(), "*")
            start = {"start": f"node {app.file}"}
            (path / "package.json").write_text(json.dumps({"name": "app", "scripts": start, "dependencies": needs}))
        elif app.requirements:
            (path / "requirements.txt").write_text(app.requirements)
        self.save()

    def save(self) -> int:
        """The number that the new code answers with."""
        self.number += 1
        (self.path / self.app.file).write_text(self.app.source.replace("CODE", str(self.number)))
        return self.number


def answer(port: int, host: str = "127.0.0.1", name: str | None = None) -> str | None:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/", headers={"Host": name} if name else {})
        response = connection.getresponse()
        return response.read().decode() if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def until(look: Callable[[], str | None], wanted: int, began: float) -> float:
    """Seconds from `began`."""
    while look() != str(wanted):
        if time.perf_counter() - began > 60:
            raise SystemExit(f"it does not answer {wanted}")
        time.sleep(PAUSE)
    return time.perf_counter() - began


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


# --- processes ----------------------------------------------------------------------------------------------------


def as_processes(app: App, saves: int) -> None:
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        place = Path(scratch)
        cold = Folder(app, place / "cold")
        programs = environment(app, place / "env", cold)
        ours = stack.enter_context(under_sandbox(app, place / "ours" / "app", "process"))
        found: dict[str, list[float]] = {"ours": [], "cold": []}
        theirs = None
        if app.own_reloader:
            theirs = Folder(app, place / "theirs")
            port = free_port()
            stack.enter_context(running(app.own_reloader, theirs, programs, port))
            until(lambda: answer(port), theirs.number, time.perf_counter())
            found["theirs"] = []
        time.sleep(4)  # until what is prepared in the background is
        for _ in range(saves):
            found["ours"].append(ours.reload())
            found["cold"].append(start(app, cold, programs))
            if theirs is not None:
                began = time.perf_counter()
                found["theirs"].append(until(lambda: answer(port), theirs.save(), began))
        report(app, found, ours.starts)


def environment(app: App, place: Path, cold: Folder) -> Path:
    """What the app requires, for cold starts: a folder of programs."""
    if app.is_node:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=cold.path, check=True)
    if app.is_node or not app.requirements:
        return Path(sys.executable).parent
    uv = find_uv()
    subprocess.run([uv, "venv", "--quiet", place], check=True)
    words = [str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(place / "bin" / "python")]
    subprocess.run([*words, *app.requirements.split()], check=True)
    return place / "bin"


def start(app: App, folder: Folder, programs: Path) -> float:
    """Seconds of a cold start, to its first answer."""
    port = free_port()
    began = time.perf_counter()
    with running(app.command or default(app), folder, programs, port):
        return until(lambda: answer(port), folder.number, began)


def default(app: App) -> tuple[str, ...]:
    return ("node", app.file) if app.is_node else ("python", app.file)


@contextmanager
def running(command: tuple[str, ...], folder: Folder, programs: Path, port: int) -> Iterator[None]:
    words = [str(port) if word == "PORT" else word for word in command]
    variables = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PORT": str(port)}
    process = subprocess.Popen(
        words,
        cwd=folder.path,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


# --- ours ---------------------------------------------------------------------------------------------------------


@dataclass
class Ours:
    """The app as a service, asked through the gateway."""

    folder: Folder
    project: Project
    port: int
    starts: list[str] = field(default_factory=list)

    def reload(self) -> float:
        began = time.perf_counter()
        took = until(lambda: answer(self.port), self.folder.save(), began)
        self._settle()
        return took

    def _settle(self) -> None:
        """Until the old one is gone, as between two saves of a person."""
        while len(instances := self.project.instances()) > 1:
            time.sleep(0.05)
        self.starts.append(str(instances[0]["start"]))
        time.sleep(1.5)


@contextmanager
def under_sandbox(app: App, path: Path, runtime: str) -> Iterator[Ours]:
    Folder(app, path / "web")
    command = f"    command: {' '.join(app.command).replace('PORT', '$$PORT')}\n" if app.command else ""
    (path / "sandbox.yaml").write_text(
        "name: reload\nservices:\n  web:\n    build: ./web\n    ports: ['8000']\n    public: true\n" + command
    )
    with project(path, runtime) as made:
        made.up()
        port = int(str(made.ps()["gateway"]).rpartition(":")[2])
        yield Ours(Folder(app, made.app / "web"), made, port)


# --- containers ---------------------------------------------------------------------------------------------------


def in_containers(app: App, saves: int) -> None:
    """Beside the very image by `docker restart`; and once more with warm starts turned off."""
    with tempfile.TemporaryDirectory() as scratch, under_sandbox(app, Path(scratch) / "app", "docker") as ours:
        image = docker_command("inspect", "-f", "{{.Image}}", ours.project.instances()[0]["container"])
        port = free_port()
        words = [word.replace("PORT", "8000") for word in app.command]
        name = docker_command("run", "-d", "--init", "-p", f"127.0.0.1:{port}:8000", image, *words)
        try:
            restart(name, port)
            ours.reload()  # from the first save on, a container stands by
            for warm in (True, False):
                file = ours.project.app / "sandbox.yaml"
                if not warm:
                    file.write_text(file.read_text() + "    reload: {warm: false}\n")
                    time.sleep(3)
                ours.starts.clear()
                found: dict[str, list[float]] = {"ours": [], "cold": []}
                for _ in range(saves):
                    found["ours"].append(ours.reload())
                    found["cold"].append(restart(name, port))
                limit = 0.5 if warm else 1.0
                report(App(name=f"{app.name} in containers", source="", limit=limit), found, ours.starts)
        finally:
            docker_command("rm", "-f", name)


def restart(name: str, port: int) -> float:
    began = time.perf_counter()
    docker_command("restart", "-t", "0", name)
    while answer(port) is None:
        time.sleep(PAUSE)
    return time.perf_counter() - began


# --- many ---------------------------------------------------------------------------------------------------------


async def endurance(saves: int) -> None:
    """Saves under load, one after the other."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "app"
        (path / "web").mkdir(parents=True)
        (path / "web" / "app.py").write_text(load.code(0))
        (path / "sandbox.yaml").write_text(
            "name: reload\nservices:\n  web: {build: ./web, ports: ['8000'], public: true}\n"
        )
        with project(path) as made:
            made.up()
            supervisor = made.machinery()["supervisor"]
            async with load.load(str(made.ps()["gateway"])) as traffic:
                before = None
                for number in range(1, saves + 1):
                    (made.app / "web" / "app.py").write_text(load.code(number))
                    await traffic.served(number)
                    if number == min(50, saves // 2):  # what is kept once is there
                        before = vitals(supervisor)
            assert before is not None
            while len(made.instances()) > 1:
                await asyncio.sleep(0.1)
            after = vitals(supervisor)
            logs = next((made.home / "projects").iterdir()) / "logs"
            twice = [name for name, count in traffic.executed(logs).items() if count > 1]
            answered = sum(traffic.codes.values())
            print(f"{saves} saves under load: {len(traffic.failures)} of {answered} GETs, {len(traffic.posted)} POSTs,")
            print(f"  {traffic.slow} slow ones and {traffic.echoes} messages failed;")
            print(f"  POSTs done twice: {len(twice)}; the WebSocket was cut {traffic.cuts} times")
            grown, opened = (after[0] - before[0]) / 2**20, after[1] - before[1]
            print(f"  supervisor: {grown:+.1f} MB resident (≤ 5), {opened:+d} open files (0)")
            for failure in traffic.failures[:5]:
                print(" ", failure)


def vitals(process: psutil.Process) -> tuple[int, int]:
    return process.memory_info().rss, process.num_fds()


# --- what is said -------------------------------------------------------------------------------------------------


def report(app: App, found: dict[str, list[float]], starts: list[str]) -> None:
    names = {"ours": "save → answer", "cold": "cold start", "theirs": "its own reloader"}
    if "containers" in app.name:
        names["cold"] = "docker restart"
    print(f"\n{app.name}: {starts.count('warm')} of {len(starts)} starts warm")
    for key, values in found.items():
        print(f"  {names[key]:18} {statistics.median(values) * 1000:6.0f} ms   p95 {p95(values) * 1000:6.0f} ms")
    ratio = statistics.median(found["ours"]) / statistics.median(found["cold"])
    limit = f" (≤ {app.limit}: {'kept' if ratio <= app.limit else 'MISSED'})" if app.limit else ""
    print(f"  {ratio:.2f} × {names['cold']}{limit}")
    if "theirs" in found:
        ratio = statistics.median(found["ours"]) / statistics.median(found["theirs"])
        limit = f" (≤ 0.5: {'kept' if ratio <= 0.5 else 'MISSED'})" if app.limit else ""
        print(f"  {ratio:.2f} × its own reloader{limit}")


def p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


if __name__ == "__main__":
    main()
