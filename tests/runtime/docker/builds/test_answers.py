"""What becomes of answers that break off or make no sense. The engine is one of ours, since a real one gives none."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.builds import answers as module
from sandbox.runtime.docker.builds.answers import answers
from sandbox.runtime.docker.endpoint import Endpoint
from sandbox.runtime.docker.engine import Engine, EngineGone, NotThere

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "engine.sock"


async def ask(socket: Path, reply: bytes) -> list[dict[str, Any]]:
    """What is heard of an engine that sends `reply` and hangs up."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)
        writer.close()
        await writer.wait_closed()

    engine = Engine(Endpoint(f"unix://{socket}", "a test"), SimpleNamespace(api_version="1.41"))
    async with await asyncio.start_unix_server(serve, socket):
        try:
            return [one async for one in answers(engine, "/build", {"t": "x"}, {}, place="orders")]
        finally:
            assert asked[0].startswith(b"POST /v1.41/build?t=x HTTP/1.1\r\n")
            await engine.close()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def test_objects_come_one_by_one_wherever_the_pieces_end(socket: Path) -> None:
    reply = HEAD + chunk(b'{"a": 1}\r\n{"b"') + chunk(b': 2}\n\n{"c": 3}') + chunk(b"")
    assert await ask(socket, reply) == [{"a": 1}, {"b": 2}, {"c": 3}]


async def test_an_engine_that_goes_away_in_between(socket: Path) -> None:
    with pytest.raises(EngineGone, match="orders: the engine went away"):
        await ask(socket, HEAD + chunk(b'{"a": 1}\n'))


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n" + b'{"message":"none"}', NotThere, "orders: none"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops", RuntimeFailure, "orders: oops"),
        (HEAD + chunk(b"good morning\n") + chunk(b""), RuntimeFailure, "can't be understood: b'good morning'"),
        (HEAD + chunk(b"[]\n") + chunk(b""), RuntimeFailure, "can't be understood"),
    ],
)
async def test_answers_that_say_no_or_nothing(
    socket: Path, reply: bytes, kind: type[RuntimeFailure], message: str
) -> None:
    with pytest.raises(kind, match=message):
        await ask(socket, reply)


async def test_a_line_without_an_end(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_LINE", 10)
    with pytest.raises(RuntimeFailure, match="a line without an end"):
        await ask(socket, HEAD + chunk(b'{"a": "' + b"x" * 20))
