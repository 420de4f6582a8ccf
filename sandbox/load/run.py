"""Carries a plan out."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import aiohttp

from sandbox.load.plan import Plan
from sandbox.load.tally import Outcome, Tally
from sandbox.tasks import Tasks

REASON_HEADER = "x-sandbox-reason"
"""Envoy's response flags on an answer that is its own."""

_WAITING_SECONDS = 2.0
"""Of the plan's requests that may wait for a free worker; what comes then is not sent."""

_LEAST_WAITING = 20
_AGENT = "sandbox-load"


class Run:
    """`tally` grows while `go` runs; cancel it and what is under way is given up."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self.began = time.monotonic()
        self.ended: float | None = None
        self._waiting: deque[float] = deque()  # moments that requests were meant for
        self._work = asyncio.Event()
        self._asking = 0
        self._done = False

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.began

    async def go(self) -> None:
        tasks = Tasks()
        plan = self.plan
        connector = aiohttp.TCPConnector(limit=plan.at_a_time)
        timeout = aiohttp.ClientTimeout(total=plan.timeout)
        try:
            async with aiohttp.ClientSession(
                connector=connector, timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            ) as session:
                self.began = time.monotonic()
                workers = [tasks.spawn(self._ask_all(session), name="ask") for _ in range(plan.at_a_time)]
                await self._keep_time()
                await asyncio.gather(*workers)
        finally:
            self.tally.unfinished = self._asking + len(self._waiting)
            self.ended = time.monotonic()
            await tasks.close()

    async def _keep_time(self) -> None:
        room = max(_LEAST_WAITING, int(self.plan.per_second * _WAITING_SECONDS))
        for number in range(self.plan.count):
            meant = self.began + self.plan.moment(number)
            if (pause := meant - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            if len(self._waiting) < room:
                self._waiting.append(meant)
                self._work.set()
            else:
                self.tally.not_sent += 1
                await asyncio.sleep(0)  # the workers' turn
        self._done = True
        self._work.set()
        await asyncio.sleep(self.began + self.plan.seconds - time.monotonic())

    async def _ask_all(self, session: aiohttp.ClientSession) -> None:
        while True:
            while not self._waiting:
                if self._done:
                    return
                self._work.clear()
                await self._work.wait()
            meant = self._waiting.popleft()
            started = time.monotonic()
            self._asking += 1
            outcome = await ask(session, self.plan)
            self._asking -= 1
            self.tally.add(outcome, meant=meant, started=started, ended=time.monotonic())


async def ask(session: aiohttp.ClientSession, plan: Plan) -> Outcome:
    """One request of a plan, to the end of its answer."""
    headers = {"User-Agent": _AGENT, **plan.headers}
    if plan.destination.host is not None:
        headers.setdefault("Host", plan.destination.host)
    url = f"{plan.destination.base}{plan.path}"
    try:
        async with session.request(
            plan.method, url, headers=headers, data=plan.body or None, allow_redirects=False
        ) as answer:
            async for _ in answer.content.iter_chunked(1 << 16):
                pass  # the answer is over when its body is
            return Outcome(answer.status, answer.headers.get(REASON_HEADER, ""))
    except TimeoutError:
        return Outcome(None, f"no answer within {plan.timeout:g} s")
    except aiohttp.ClientConnectorError:
        return Outcome(None, "the connection was refused")
    except (aiohttp.ClientError, OSError):
        return Outcome(None, "the answer broke off")
