"""Waiting, and naming who is guilty when it is in vain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.cli.main import main
from sandbox.cli.wait import is_healthy, is_stopped, wait_for
from sandbox.control import ProjectStatus, ServiceStatus, Status
from sandbox.errors import NotFoundError, SandboxError
from tests.fakes import data
from tests.fakes.control import FakeControl


def project(**statuses: Status) -> ProjectStatus:
    return data.project(*(data.service(name, status=status) for name, status in statuses.items()))


async def test_until_the_last_one_is_healthy() -> None:
    seen: list[list[Status]] = []
    control = FakeControl(
        project(orders=Status.BUILDING, steamer=Status.HEALTHY),
        project(orders=Status.STARTING, steamer=Status.HEALTHY),
        project(orders=Status.HEALTHY, steamer=Status.HEALTHY),
    )

    await wait_for(control, is_healthy, on_status=lambda status: seen.append([one.status for one in status.services]))

    assert [statuses[0] for statuses in seen] == [Status.BUILDING, Status.STARTING, Status.HEALTHY]


async def test_only_the_named_ones_count() -> None:
    control = FakeControl(project(orders=Status.HEALTHY, steamer=Status.BACKOFF))

    await wait_for(control, is_healthy, ["orders"], timeout=0)


async def test_who_was_stopped_on_purpose_does_not_count_unless_named() -> None:
    control = FakeControl(project(orders=Status.HEALTHY, steamer=Status.STOPPED))

    await wait_for(control, is_healthy, timeout=0)
    with pytest.raises(SandboxError):
        await wait_for(control, is_healthy, ["steamer"], timeout=0)


async def test_missing_replicas_count() -> None:
    orders = replace(data.service("orders"), replicas=2, ready=1)

    with pytest.raises(SandboxError):
        await wait_for(FakeControl(data.project(orders)), is_healthy, timeout=0)


async def test_until_stopped() -> None:
    control = FakeControl(project(orders=Status.STOPPING), project(orders=Status.STOPPED))

    await wait_for(control, is_stopped)


@pytest.mark.parametrize(("ran", "said"), [(True, "\n  | hi"), (False, "\n  | CMD app")])
async def test_what_a_build_printed_is_quoted_only_where_nothing_ran(ran: bool, said: str) -> None:
    built = replace(data.log_line("steamer", "CMD app"), instance="steamer-v1-build")
    failed = replace(data.service("steamer", status=Status.FAILED), reason="no")
    control = FakeControl(data.project(failed), lines=[built, *([data.log_line("steamer", "hi")] if ran else [])])

    with pytest.raises(SandboxError) as caught:
        await wait_for(control, is_healthy)
    assert caught.value.message == f"failed: no{said}"


async def test_who_ended_well_but_should_have_gone_on_ends_it_at_once() -> None:
    ended = data.service("steamer", status=Status.STOPPED, reason="finished with exit code 0")
    control = FakeControl(data.project(data.service("orders"), ended), lines=data.log_lines())

    await wait_for(control, is_healthy, timeout=0)
    with pytest.raises(SandboxError) as caught:
        await wait_for(control, is_healthy, timeout=60, should_go_on=lambda service: service.name == "steamer")

    assert str(caught.value) == "steamer: is not running: finished with exit code 0\n  | ready"
    assert caught.value.hint == 'if it is meant to end, say `restart: "no"`; see `sandbox why steamer`'


async def test_a_service_that_failed_for_good_ends_it_at_once_with_its_last_words() -> None:
    failed = replace(data.service("steamer", status=Status.FAILED), reason="exit code 1, 5 times in a row")
    control = FakeControl(data.project(data.service("orders"), failed), lines=data.log_lines())

    with pytest.raises(SandboxError) as caught:
        await wait_for(control, is_healthy, timeout=60)

    assert caught.value.place == "steamer"
    assert caught.value.message == "failed: exit code 1, 5 times in a row\n  | ready"
    assert caught.value.hint == "see `sandbox why steamer`"


@pytest.mark.parametrize("guilty", [Status.BACKOFF, Status.UNHEALTHY, Status.STARTING])
async def test_the_cause_is_named_rather_than_who_waits_for_it(guilty: Status) -> None:
    waiting: ServiceStatus = data.service("storefront", status=Status.PENDING)
    control = FakeControl(data.project(waiting, data.service("orders", status=guilty)))

    with pytest.raises(SandboxError, match=f"orders: still {guilty} after 0 s"):
        await wait_for(control, is_healthy, timeout=0)


async def test_an_unknown_service() -> None:
    with pytest.raises(NotFoundError, match="there is no service 'oders'"):
        await wait_for(FakeControl(), is_healthy, ["oders"])


def test_as_a_command(bakery: FakeControl, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wait", "orders"]) == 0
    assert main(["wait", "--for", "stopped", "--timeout", "0s"]) == 1
    assert capsys.readouterr().err.startswith("error: storefront: still healthy after 0 s")
