"""Active health: asks each instance how it is, often while it starts and calmly afterwards."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.control import Status
from sandbox.model import Healthcheck
from sandbox.supervisor.asking import Dial, RunCommand, Way, ask
from sandbox.supervisor.state import Probed

QUICKEST = 0.003
"""Seconds between the first questions to a starting instance; the pause grows from there to the interval. A port that
nobody listens on answers within 50 microseconds."""

GROWTH = 1.03
"""So an instance is asked again when it has taken 3 % longer, and is known to be ready that much late at most. What
takes long to answer is given as much time between two questions."""

TOGETHER = 0.25
"""Seconds, about, of which healthy instances are asked at multiples: many at a time cost less than each at its own."""

Explain = Callable[[], Awaitable[str | None]]
"""Looks for the reason of a refused connection, such as a service that listens elsewhere."""


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


async def watch(
    target: Target, tell: Callable[[Probed], None], run: RunCommand, explain: Explain, dial: Dial | None = None
) -> None:
    """Ask until cancelled, and tell each change: a first success, `retries` failures in a row, a new reason. `dial`:
    how it is reached, if not directly."""
    judge = Judge(target.check, target.started_at, ready=target.ready)
    way = Way(target.host, target.port, dial)
    explained: dict[str, str] = {}  # the last failure that was looked into, and what was found
    pause = QUICKEST
    while True:
        asked = time.monotonic()
        failure = await ask(target.check.probe, target.check.timeout, way, run)
        took = time.monotonic() - asked
        if failure is not None and not judge.ready:
            if judge.deserves_explanation(time.time()):
                explained = {failure: found} if (found := await explain()) else {}
            failure = explained.get(failure, failure)
        verdict = judge.hear(failure, time.time())
        if verdict is not None:
            status, reason = verdict
            tell(Probed(target.instance, target.pid, status is Status.HEALTHY, status, reason))
        interval = target.check.interval
        pause = until_next(time.monotonic(), interval) if judge.ready else min(interval, max(took, pause * GROWTH))
        await asyncio.sleep(pause)


def until_next(now: float, interval: float) -> float:
    """Seconds from `now`, on any clock, until a healthy instance is asked again: at most the interval, and that from
    the second time on."""
    step = interval / max(4, math.ceil(interval / TOGETHER))
    return math.floor((now + interval) / step) * step - now


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
