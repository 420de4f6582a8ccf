"""Active health: asks each instance how it is, often while it starts and calmly afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.control import Status
from sandbox.errors import SandboxError
from sandbox.model import CommandProbe, Healthcheck, HttpProbe, NoProbe, TcpProbe
from sandbox.supervisor.state import Probed

QUICKEST = 0.01
"""Seconds between the first questions to a starting instance; the pause grows from there to the interval."""

GROWTH = 1.1
"""So an instance is asked again when it has taken a tenth longer, and is known to be ready that much late at most."""

_LONGEST_STATUS_LINE = 512

RunCommand = Callable[[tuple[str, ...], float], Awaitable[tuple[int, str]]]
"""Runs a command inside the instance: argv and seconds allowed → exit code and output."""

Explain = Callable[[], Awaitable[str | None]]
"""Looks for the reason of a refused connection, such as a service that listens elsewhere."""


Dial = Callable[[str, int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Connects to a host and port. Raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One running instance to ask."""

    instance: str
    pid: int | None
    host: str
    port: int | None  # where its first port really is; None when it has no port
    started_at: float  # seconds since the epoch
    check: Healthcheck
    ready: bool  # what it is believed to be now


async def connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Directly."""
    return await asyncio.open_connection(host, port, limit=_LONGEST_STATUS_LINE)


async def watch(
    target: Target, tell: Callable[[Probed], None], run: RunCommand, explain: Explain, dial: Dial = connect
) -> None:
    """Ask until cancelled, and tell each change: a first success, `retries` failures in a row, a new reason."""
    judge = Judge(target.check, target.started_at, ready=target.ready)
    explained: dict[str, str] = {}  # the last failure that was looked into, and what was found
    pause = QUICKEST
    while True:
        failure = await _ask(target, run, dial)
        if failure is not None and not judge.ready:
            if judge.deserves_explanation(time.time()):
                explained = {failure: found} if (found := await explain()) else {}
            failure = explained.get(failure, failure)
        verdict = judge.hear(failure, time.time())
        if verdict is not None:
            status, reason = verdict
            tell(Probed(target.instance, target.pid, status is Status.HEALTHY, status, reason))
        pause = target.check.interval if judge.ready else min(target.check.interval, pause * GROWTH)
        await asyncio.sleep(pause)


class Judge:
    """Turns answers into verdicts by Compose's rules. Pure but for what it remembers."""

    def __init__(self, check: Healthcheck, started_at: float, *, ready: bool) -> None:
        self._check = check
        self._started_at = started_at
        self._failures = 0
        self._told: tuple[Status, str | None] | None = (Status.HEALTHY, None) if ready else None
        self._was_ready = ready
        self._next_explanation = started_at + 2.0
        self.ready = ready

    def hear(self, failure: str | None, now: float) -> tuple[Status, str | None] | None:
        """The new status and reason after an answer (`failure` is None when it was good); None for no change."""
        verdict = self._judge(failure, now)
        if verdict is None or verdict == self._told:
            return None
        self._told = verdict
        self.ready = verdict[0] is Status.HEALTHY
        return verdict

    def _judge(self, failure: str | None, now: float) -> tuple[Status, str | None] | None:
        if failure is None:
            self._failures = 0
            self._was_ready = True
            return Status.HEALTHY, None
        if not self._was_ready and now - self._started_at < self._check.start_period:
            return Status.STARTING, f"not ready yet: {failure}"
        self._failures += 1
        if self._failures < self._check.retries:
            return None
        return Status.UNHEALTHY, failure

    def deserves_explanation(self, now: float) -> bool:
        """Looking at a process's sockets is dear: not before two seconds, and every five from then on."""
        if now < self._next_explanation:
            return False
        self._next_explanation = now + 5.0
        return True


async def _ask(target: Target, run: RunCommand, dial: Dial) -> str | None:
    """None when healthy, else the failure in plain words."""
    probe, limit = target.check.probe, target.check.timeout
    try:
        match probe:
            case NoProbe():
                return None
            case CommandProbe(argv=argv):
                return await _ask_command(argv, limit, run)
            case HttpProbe(path=path):
                async with asyncio.timeout(limit):
                    return await _ask_http(dial, target.host, target.port or 0, path)
            case TcpProbe():
                async with asyncio.timeout(limit):
                    return await _ask_tcp(dial, target.host, target.port or 0)
    except TimeoutError:
        return f"{_describe(target)} did not answer within {limit:g} s"


def _describe(target: Target) -> str:
    match target.check.probe:
        case HttpProbe(path=path):
            return f"GET {path} on port {target.port}"
        case CommandProbe(argv=argv):
            return f"the health command {argv[0]!r}"
        case _:
            return f"port {target.port}"


async def _ask_tcp(dial: Dial, host: str, port: int) -> str | None:
    try:
        _, writer = await dial(host, port)
    except OSError as error:
        return _refused(port, error)
    writer.transport.abort()
    return None


async def _ask_http(dial: Dial, host: str, port: int, path: str) -> str | None:
    try:
        reader, writer = await dial(host, port)
    except OSError as error:
        return _refused(port, error)
    try:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: sandbox-health\r\nConnection: close\r\n"
        )
        writer.write(f"{request}\r\n".encode())
        return _judge_status_line(await reader.readline(), path)
    except (OSError, ValueError) as error:
        return f"GET {path} got no answer: {error}"
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
