"""Answers and verdicts, and real questions to real sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Status
from sandbox.errors import RuntimeFailure
from sandbox.model import CommandProbe, Healthcheck, HttpProbe, NoProbe, Probe, TcpProbe
from sandbox.supervisor.asking import RunCommand
from sandbox.supervisor.health import Judge, Target, until_next, watch
from sandbox.supervisor.state import Probed

CHECK = Healthcheck(probe=TcpProbe(), retries=3, start_period=60.0)


def judge(*, ready: bool = False) -> Judge:
    return Judge(CHECK, started_at=100.0, ready=ready)


def test_the_first_good_answer_is_enough() -> None:
    assert judge().hear(None, 100.1) == (Status.HEALTHY, None)


def test_failures_while_it_starts_say_what_it_waits_for_once() -> None:
    starting = judge()
    assert starting.hear("nothing listens on port 1", 101.0) == (
        Status.STARTING,
        "not ready yet: nothing listens on port 1",
    )
    assert starting.hear("nothing listens on port 1", 102.0) is None


def test_one_failure_is_forgiven_and_the_third_in_a_row_is_not() -> None:
    healthy = judge(ready=True)
    assert healthy.hear("no answer", 200.0) is None
    assert healthy.hear("no answer", 201.0) is None
    assert healthy.hear("no answer", 202.0) == (Status.UNHEALTHY, "no answer")
    assert healthy.hear(None, 203.0) == (Status.HEALTHY, None)


def test_a_good_answer_in_between_starts_the_count_anew() -> None:
    healthy = judge(ready=True)
    for now in range(10):
        assert healthy.hear("no answer" if now % 3 else None, 200.0 + now) is None


def test_after_the_start_period_a_service_that_never_got_ready_is_unhealthy() -> None:
    late = judge()
    verdicts = [late.hear("nothing listens", 161.0 + step) for step in range(3)]
    assert verdicts == [None, None, (Status.UNHEALTHY, "nothing listens")]


@given(st.floats(0, 1e6), st.floats(0.02, 3600))
def test_it_is_asked_again_within_the_interval_and_together_with_others(now: float, interval: float) -> None:
    first = until_next(now, interval)
    assert interval / 2 < first <= interval + 1e-6
    then = until_next(now + first + 1e-4, interval)
    assert then == pytest.approx(interval, abs=1e-3)


# --- real questions -----------------------------------------------------------------------------------------------


async def no_command(argv: tuple[str, ...], limit: float) -> tuple[int, str]:
    raise AssertionError("no command was expected")


async def no_explanation() -> str | None:
    return None


async def first_verdict(probe: Probe, port: int, run: RunCommand = no_command) -> Probed:
    """What the watch tells first about an instance that just started on `port`."""
    told: asyncio.Future[Probed] = asyncio.get_running_loop().create_future()
    target = Target(
        instance="mill-v1-1",
        pid=1,
        host="127.0.0.1",
        port=port,
        started_at=time.time(),
        check=Healthcheck(probe=probe, timeout=0.3),
        ready=False,
    )

    def tell(probed: Probed) -> None:
        if not told.done():
            told.set_result(probed)

    watching = asyncio.ensure_future(watch(target, tell, run, no_explanation))
    try:
        return await asyncio.wait_for(told, 5)
    finally:
        watching.cancel()


async def test_what_was_found_out_stands_as_long_as_the_failure_does() -> None:
    asked = 0
    told: list[Probed] = []
    often_enough = asyncio.Event()

    async def refuse(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        nonlocal asked
        asked += 1
        if asked == 5:
            often_enough.set()
        raise ConnectionRefusedError

    async def explain() -> str | None:
        return "it listens on 127.0.0.1:5000"

    target = Target(
        instance="mill-v1-1",
        pid=1,
        host="127.0.0.1",
        port=8000,
        started_at=time.time() - 3.0,
        check=CHECK,
        ready=False,
    )
    watching = asyncio.ensure_future(watch(target, told.append, no_command, explain, refuse))
    await asyncio.wait_for(often_enough.wait(), 5)
    watching.cancel()

    assert [probed.reason for probed in told] == ["not ready yet: it listens on 127.0.0.1:5000"]


async def server(answer: bytes | None) -> tuple[asyncio.Server, int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if answer is not None:
            writer.write(answer)
        else:
            await reader.read()  # until the other side gives up
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    return listening, listening.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "healthy", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, None),
        (b"HTTP/1.1 302 Found\r\n\r\n", True, None),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\n", False, "not ready yet: GET /healthz answered 503"),
        (b"SSH-2.0-OpenSSH\r\n", False, "not ready yet: GET /healthz got no HTTP answer"),
        (b"", False, "not ready yet: GET /healthz: the connection was closed without an answer"),
    ],
)
async def test_http_answers(answer: bytes, healthy: bool, reason: str | None) -> None:
    listening, port = await server(answer)
    async with listening:
        verdict = await first_verdict(HttpProbe(path="/healthz"), port)
    assert (verdict.healthy, verdict.reason) == (healthy, reason)


async def test_a_service_that_never_answers_is_not_waited_for_longer_than_the_timeout() -> None:
    listening, port = await server(None)
    async with listening:
        verdict = await first_verdict(HttpProbe(path="/"), port)
    assert verdict.reason == f"not ready yet: GET / on port {port} did not answer within 0.3 s"


async def test_a_port_nobody_listens_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    verdict = await first_verdict(TcpProbe(), port)
    assert verdict.reason == f"not ready yet: nothing listens on port {port}"


def answering(code: int, output: str) -> Callable[[tuple[str, ...], float], Awaitable[tuple[int, str]]]:
    async def run(argv: tuple[str, ...], limit: float) -> tuple[int, str]:
        return code, output

    return run


async def test_a_health_command_decides_by_its_exit_code() -> None:
    probe = CommandProbe(argv=("pg_isready",))
    assert (await first_verdict(probe, 1, answering(0, "ok"))).healthy
    verdict = await first_verdict(probe, 1, answering(2, "x\nno response\n"))
    assert verdict.reason == "not ready yet: the health command ended with 2: no response"


async def test_a_health_command_that_cannot_run_says_so() -> None:
    async def run(argv: tuple[str, ...], limit: float) -> tuple[int, str]:
        raise RuntimeFailure("no such file: pg_isready")

    verdict = await first_verdict(CommandProbe(argv=("pg_isready",)), 1, run)
    assert verdict.reason == "not ready yet: the health command could not run: no such file: pg_isready"


async def test_without_a_check_running_is_healthy() -> None:
    assert (await first_verdict(NoProbe(), 1)).healthy
