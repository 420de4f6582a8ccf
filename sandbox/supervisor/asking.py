"""One question to an instance, by the kind of its check: None when it is well, else the failure in plain words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.errors import SandboxError
from sandbox.model import CommandProbe, HttpProbe, NoProbe, Probe, TcpProbe
from sandbox.supervisor import direct

RunCommand = Callable[[tuple[str, ...], float], Awaitable[tuple[int, str]]]
"""Runs a command inside the instance: argv and seconds allowed → exit code and output."""

Dial = Callable[[str, int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Connects to a host and port. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Way:
    """To an instance."""

    host: str
    port: int | None  # where its first port really is; None when it has no port
    dial: Dial | None = None  # None: directly


async def ask(probe: Probe, limit: float, way: Way, run: RunCommand) -> str | None:
    """limit: seconds that an answer may take."""
    try:
        match probe:
            case NoProbe():
                return None
            case CommandProbe(argv=argv):
                return await _ask_command(argv, limit, run)
            case HttpProbe(path=path):
                async with asyncio.timeout(limit):
                    return await _ask_http(way, way.port or 0, path)
            case TcpProbe():
                async with asyncio.timeout(limit):
                    return await _ask_tcp(way, way.port or 0)
    except TimeoutError:
        return f"{_describe(probe, way.port)} did not answer within {limit:g} s"


def _describe(probe: Probe, port: int | None) -> str:
    match probe:
        case HttpProbe(path=path):
            return f"GET {path} on port {port}"
        case CommandProbe(argv=argv):
            return f"the health command {argv[0]!r}"
        case _:
            return f"port {port}"


async def _ask_tcp(way: Way, port: int) -> str | None:
    try:
        if way.dial is None:
            await direct.knock(way.host, port)
        else:
            _, writer = await way.dial(way.host, port)
            writer.transport.abort()
    except OSError as error:
        return _refused(port, error)
    return None


async def _ask_http(way: Way, port: int, path: str) -> str | None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: sandbox-health\r\nConnection: close\r\n"
    question = f"{head}\r\n".encode()
    try:
        if way.dial is None:
            line = await direct.first_line(way.host, port, question)
        else:
            line = await _first_line(way.dial, way.host, port, question)
    except (direct.BrokenOffError, ValueError) as error:
        return f"GET {path} got no answer: {error}"
    except OSError as error:
        return _refused(port, error)
    return _judge_status_line(line, path)


async def _first_line(dial: Dial, host: str, port: int, question: bytes) -> bytes:
    """As `direct.first_line`."""
    reader, writer = await dial(host, port)
    try:
        writer.write(question)
        return await reader.readline()
    except OSError as error:
        raise direct.BrokenOffError(error.errno, error.strerror) from error
    finally:
        writer.transport.abort()


def _judge_status_line(line: bytes, path: str) -> str | None:
    words = line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return f"GET {path} got no HTTP answer" if line else f"GET {path}: the connection was closed without an answer"
    status = int(words[1])
    return None if 200 <= status < 400 else f"GET {path} answered {status}"


def _refused(port: int, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens on port {port}"
    return f"port {port}: {error.strerror or error}"


async def _ask_command(argv: tuple[str, ...], limit: float, run: RunCommand) -> str | None:
    try:
        code, output = await run(argv, limit)
    except SandboxError as error:
        return f"the health command could not run: {error.message}"
    if code == 0:
        return None
    last = output.strip().splitlines()[-1:] or ["no output"]
    return f"the health command ended with {code}: {last[0][:200]}"
