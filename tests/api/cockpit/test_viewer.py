"""The process behind a browser, here a few lines of Python that speak as Textual's driver does."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import pytest

from sandbox.api.cockpit import viewer as module
from sandbox.api.cockpit.viewer import Size, Viewer

PACKETS = """
import json, os, sys
def packet(kind, payload): os.write(1, kind + len(payload).to_bytes(4, "big") + payload)
def read():
    head = sys.stdin.buffer.read(5)
    return head[:1], sys.stdin.buffer.read(int.from_bytes(head[1:], "big"))
print("starting"); sys.stdout.flush()
os.write(1, b"__GANGLION__\\n")
packet(b"D", f"{os.environ['COLUMNS']}x{os.environ['ROWS']}".encode())
"""

ECHO = (
    PACKETS
    + """
packet(b"M", json.dumps({"type": "open_url", "url": "http://127.0.0.1/"}).encode())
while True:
    kind, payload = read()
    if kind == b"M" and json.loads(payload)["type"] == "quit":
        break
    packet(b"D", payload)
"""
)

DEAF = (
    PACKETS
    + """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True: packet(b"D", b"x" * 65536)
"""
)


async def ignore(said: Mapping[str, Any]) -> None:
    pass


def viewer(source: str) -> Viewer:
    return Viewer([sys.executable, "-c", source], dict(os.environ))


async def test_keys_go_in_and_pictures_come_out() -> None:
    said: list[Mapping[str, Any]] = []

    async def heard(one: Mapping[str, Any]) -> None:
        said.append(one)

    one = viewer(ECHO)
    await one.start(Size(100, 30))
    async with asyncio.timeout(10), aclosing(one.output(heard)) as output:
        assert await anext(output) == b"100x30"
        await one.type("q")
        assert await anext(output) == b"q"
        await one.tell(type="resize", width=90, height=20)
        assert await anext(output) == b'{"type": "resize", "width": 90, "height": 20}'
    assert said == [{"type": "open_url", "url": "http://127.0.0.1/"}]
    await one.stop()


async def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUITS_WITHIN", 0.1)
    one = viewer(DEAF)
    await one.start(Size(80, 24))
    async with asyncio.timeout(10), aclosing(one.output(ignore)) as output:
        assert await anext(output) == b"80x24"
    await one.stop()
    assert one.returncode == -9


async def test_one_that_reads_nothing_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READS_WITHIN", 0.05)
    one = viewer(DEAF)
    await one.start(Size(80, 24))

    async with asyncio.timeout(30):
        await one.type("x" * 1_000_000)
        await one.stop()

    assert one.returncode == -9


async def test_one_that_ends_by_itself_is_done(caplog: pytest.LogCaptureFixture) -> None:
    one = viewer("import sys; print('no terminal', file=sys.stderr); sys.exit(3)")
    await one.start(Size(80, 24))
    assert [data async for data in one.output(ignore)] == []
    await one.stop()
    assert "ended with 3: no terminal" in caplog.text


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [("120", "40", Size(120, 40)), (None, "x", Size(20, 5)), ("1e9", 10**9, Size(20, 200)), (501, -1, Size(500, 5))],
)
def test_sizes_are_within_reason(width: object, height: object, size: Size) -> None:
    assert Size.of(width, height) == size
