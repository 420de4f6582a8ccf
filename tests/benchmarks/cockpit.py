"""What the terminal UI costs, and how soon it answers, on a terminal of its own.

    python -m tests.benchmarks.cockpit [ROUNDS]

Limits: first paint 0.7 s after the process begins; from a key to what it changes 50 ms (95th percentile) with 100
services that print 5,000 lines a second together; 2 % of a core with six services and nobody at the keys. The project
is a scripted one inside the process, so the figures are the screen's alone. `import textual, rich` in a bare
interpreter is printed beside them.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import psutil

from sandbox.control import TelemetrySnapshot
from sandbox.tui.app import SandboxApp
from tests.fakes import data, scene
from tests.fakes.control import FakeControl

SERVICES = 100
LINES = 5_000
FIRST_PAINT, KEY, IDLE = 0.7, 0.05, 0.02
_PATIENCE = 20.0
_STYLE = rb"(?:\x1b\[[0-9;]*m)*"
_BURSTS = 50
"""A second, in which lines come."""


# --- the screen, in a process of its own ----------------------------------------------------------------------------


def crowd() -> FakeControl:
    names = [f"service-{number:03}" for number in range(SERVICES)]
    found = FakeControl(data.project(*(data.service(name) for name in names)))
    found.snapshot = TelemetrySnapshot(
        at=data.NOW, services={name: data.signals(rate=float(index)) for index, name in enumerate(names)}, edges=()
    )
    return found


async def flood(control: FakeControl) -> None:
    """Of all services alike, but half of it of the two that are looked at."""
    number = 0
    while True:
        if number % LINES == 0:  # once a second all edges have other rates, so that the map is drawn anew
            control.metrics.now = scene.wide_graph(SERVICES, 1.0 + number % 7)
        for _ in range(LINES // _BURSTS):
            which = number % 2 if number % 4 < 2 else number % SERVICES
            control.write(data.log_line(f"service-{which:03}", f"GET /things/{number} 200 in {number % 90} ms"))
            number += 1
        await asyncio.sleep(1 / _BURSTS)


async def child(kind: str) -> None:
    control = crowd() if kind == "flood" else scene.control()
    task = asyncio.create_task(flood(control)) if kind == "flood" else None
    await SandboxApp(control).run_async()
    if task:
        task.cancel()


# --- the person at the keys -----------------------------------------------------------------------------------------


class Terminal:
    """Reads what the screen writes, and types."""

    def __init__(self, kind: str, size: tuple[int, int] = (160, 50)) -> None:
        self.began = time.perf_counter()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        command = [sys.executable, "-m", "tests.benchmarks.cockpit", "--child", kind]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.seen = b""

    def until(self, found: re.Pattern[bytes]) -> float:
        """When it was written; what was before is forgotten."""
        ends = time.perf_counter() + _PATIENCE
        while not found.search(self.seen):
            if time.perf_counter() > ends:
                raise SystemExit(f"never written: {found.pattern!r}")
            self.read(0.5)
        now = time.perf_counter()
        self.seen = b""
        return now

    def read(self, seconds: float) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 1 << 16)

    def rest(self, seconds: float) -> None:
        ends = time.perf_counter() + seconds
        while (left := ends - time.perf_counter()) > 0:
            self.read(left)
        self.seen = b""

    def type(self, text: str, then: str) -> float:
        """Seconds until the screen says `then`."""
        began = time.perf_counter()
        os.write(self.master, text.encode())
        return self.until(re.compile(then.encode().replace(b" ", _STYLE + rb" *" + _STYLE))) - began

    def close(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


def first_paint() -> float:
    terminal = Terminal("still")
    try:
        return terminal.until(re.compile(rb"SERVICE")) - terminal.began
    finally:
        terminal.close()


def keys(rounds: int) -> dict[str, list[float]]:
    terminal = Terminal("flood")
    try:
        terminal.until(re.compile(rb"service-000"))
        terminal.rest(3.0)
        to_and_fro = (("j", "▸ service-001"), ("k", "▸ service-000"))
        moves = [terminal.type(*to_and_fro[turn % 2]) for turn in range(rounds)]
        terminal.type("5", "all services")
        terminal.rest(3.0)
        on_and_off = ((" ", "stands still"), (" ", "all services · [0-9,]+ lines"))
        pauses = [terminal.type(*on_and_off[turn % 2]) for turn in range(rounds)]
        terminal.type("2", "no callers")
        terminal.rest(3.0)
        along = (("jj", "service-00 · 1 caller"), ("kk", "no callers"))
        walks = [terminal.type(*along[turn % 2]) for turn in range(rounds)]
        return {"overview, the next service": moves, "log, pause and follow": pauses, "map, along an edge": walks}
    finally:
        terminal.close()


def idle(seconds: float) -> float:
    """Share of a core."""
    terminal = Terminal("still")
    try:
        terminal.until(re.compile(rb"storefront"))
        terminal.rest(4.0)
        process = psutil.Process(terminal.process.pid)
        before = process.cpu_times()
        terminal.rest(seconds)
        after = process.cpu_times()
        return (after.user + after.system - before.user - before.system) / seconds
    finally:
        terminal.close()


def bare() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import textual.app, textual.widgets, rich"], check=True)
    return time.perf_counter() - began


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    say("importing textual and rich alone", min(bare() for _ in range(3)), None)
    say("first paint", min(first_paint() for _ in range(3)), FIRST_PAINT)
    for what, found in keys(rounds).items():
        say(f"{what}, median", percentile(found, 0.5), None)
        say(f"{what}, 95th percentile", percentile(found, 0.95), KEY)
    share = idle(20.0)
    print(f"{'idle':<48}{share * 100:>8.1f} %   limit {IDLE * 100:.0f} %: {'kept' if share <= IDLE else 'MISSED'}")


def percentile(found: list[float], part: float) -> float:
    return sorted(found)[min(len(found) - 1, int(part * len(found)))]


def say(what: str, seconds: float, limit: float | None) -> None:
    verdict = "" if limit is None else f"   limit {limit * 1000:.0f} ms: {'kept' if seconds <= limit else 'MISSED'}"
    print(f"{what:<48}{seconds * 1000:>8.0f} ms{verdict}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        asyncio.run(child(sys.argv[2]))
    else:
        main()
