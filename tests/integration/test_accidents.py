"""What goes wrong on a user's machine, done on purpose."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.harness import (
    Sandbox,
    Traffic,
    eventually,
    get,
    instances,
    kill,
    proxy_pid,
    supervisor_pid,
    wait_for_line,
)


def test_a_killed_service_comes_back_and_its_callers_do_not_notice(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    ps = sandbox.ps(shop)
    victim = instances(ps, "stock")[0]
    with Traffic(ps["gateway"] + "/via/stock/") as traffic:
        traffic.goes_on()
        kill(victim["pid"])

        def back() -> bool:
            again = instances(sandbox.ps(shop), "stock")[0]
            return bool(again["status"] == "healthy" and again["pid"] != victim["pid"] and again["restarts"] == 1)

        eventually(back)
        traffic.goes_on()
    assert traffic.failures == []


def test_a_killed_proxy_comes_back_on_the_same_ports(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    gateway = sandbox.ps(shop)["gateway"]
    before = proxy_pid(sandbox)
    kill(before)
    eventually(lambda: get(gateway + "/via/stock/")["instance"].startswith("stock"))
    assert proxy_pid(sandbox) != before
    assert sandbox.ps(shop)["gateway"] == gateway


def test_a_killed_supervisor_is_replaced_and_traffic_does_not_notice(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    before = sandbox.ps(shop)
    with Traffic(before["gateway"] + "/via/stock/") as traffic:
        traffic.goes_on()
        kill(supervisor_pid(sandbox))
        sandbox.ps(shop)  # a command in that moment waits for the next supervisor
        traffic.goes_on()

        def replaced() -> dict[str, Any]:
            ps = sandbox.ps(shop)
            assert {one["status"] for one in ps["services"]} == {"healthy"}
            return ps

        after = eventually(replaced)
        traffic.goes_on()
        # The new supervisor steers the same proxy: what it changes takes effect.
        sandbox.run("scale", "stock=3", cwd=shop)
        sandbox.run("wait", cwd=shop)
        seen = eventually(
            lambda: "stock-v1-3" in {get(before["gateway"] + "/via/stock/")["instance"] for _ in range(9)}
        )
    assert seen
    assert traffic.failures == []
    pids = [[one["pid"] for one in instances(ps, "web") + instances(ps, "stock")] for ps in (before, after)]
    assert pids[0] == pids[1]
    assert after["gateway"] == before["gateway"]


def test_a_killed_shim_leaves_nothing_that_down_does_not_find(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    pid = psutil.Process(supervisor_pid(sandbox)).ppid()
    kill(pid)
    sandbox.run("down", cwd=shop, check=None)
    eventually(lambda: sandbox.left_running() == [], 10)
    assert sandbox.left_on_disk() == []
    sandbox.up(shop)
    assert get(sandbox.ps(shop)["gateway"])["instance"] == "web-v1-1"


def test_everything_killed_at_once_and_up_again(sandbox: Sandbox, shop: Path) -> None:
    """As after a power cut, but for the processes that a reboot would have ended too."""
    sandbox.up(shop)
    gateway = sandbox.ps(shop)["gateway"]
    supervisor = psutil.Process(supervisor_pid(sandbox))
    shim = psutil.Process(supervisor.ppid())
    for process in (shim, *shim.children(recursive=True)):
        with suppress(ProcessLookupError):
            kill(process.pid)
    sandbox.up(shop)
    assert sandbox.ps(shop)["gateway"] == gateway
    assert get(gateway + "/via/stock/")["instance"].startswith("stock")


def test_ctrl_c_while_it_starts_stops_what_was_started(sandbox: Sandbox, shop: Path) -> None:
    (shop / "stock" / "app.py").write_text("import time; time.sleep(1000)")  # never ready
    with sandbox.started("up", shop, "--no-tui") as up:
        wait_for_line(up, "web")
        up.send_signal(signal.SIGINT)
        wait_for_line(up, "nothing is left running")
        assert up.wait(20) == 130
    assert sandbox.left_running() == []
    assert sandbox.left_on_disk() == []


def test_ctrl_c_twice_does_not_wait_for_a_service_that_will_not_end(sandbox: Sandbox, shop: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
    (shop / "stock" / "app.py").write_text(stubborn)
    with sandbox.started("up", shop, "--no-tui") as up:
        wait_for_line(up, "web")
        began = time.monotonic()
        up.send_signal(signal.SIGINT)
        wait_for_line(up, "Ctrl-C again")
        up.send_signal(signal.SIGINT)
        wait_for_line(up, "nothing is left running")
        assert up.wait(20) == 130
    assert time.monotonic() - began < 5
    assert sandbox.left_running() == []
    assert sandbox.left_on_disk() == []


def test_ctrl_c_in_the_foreground_stops_a_cluster_that_was_well(sandbox: Sandbox, shop: Path) -> None:
    with sandbox.started("up", shop) as up:
        wait_for_line(up, "next")
        up.send_signal(signal.SIGINT)
        wait_for_line(up, "nothing is left running")
        assert up.wait(20) == 130
    assert sandbox.left_running() == []


def test_the_command_that_started_it_may_die(sandbox: Sandbox, shop: Path) -> None:
    with sandbox.started("up", shop) as up:
        wait_for_line(up, "next")
        up.kill()
        up.wait()
    assert sandbox.ps(shop)["services"][0]["status"] == "healthy"
    sandbox.down(shop)
    assert sandbox.left_running() == []


def test_a_damaged_memory_is_said_and_no_reason_to_fail(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    sandbox.down(shop)
    (memory,) = (sandbox.state / "projects").glob("*/state.json")
    memory.write_text("{ damaged")
    said = sandbox.up(shop).stdout
    assert "state.json.corrupt" in said


@pytest.mark.parametrize("signal_number", [signal.SIGTERM])
def test_a_supervisor_told_to_end_leaves_the_cluster_and_is_replaced(
    sandbox: Sandbox, shop: Path, signal_number: signal.Signals
) -> None:
    sandbox.up(shop)
    gateway = sandbox.ps(shop)["gateway"]
    before = supervisor_pid(sandbox)
    psutil.Process(before).send_signal(signal_number)
    eventually(lambda: supervisor_pid(sandbox) != before)
    assert get(gateway)["instance"] == "web-v1-1"
    eventually(lambda: sandbox.ps(shop)["services"][0]["status"] == "healthy")


def test_a_new_supervisor_that_finds_the_file_broken_goes_on_with_what_was_in_force(
    sandbox: Sandbox, shop: Path
) -> None:
    sandbox.up(shop)
    good = (shop / "sandbox.yaml").read_text()
    (shop / "sandbox.yaml").write_text(good + "  broken: {buld: ./x}\n")
    before = supervisor_pid(sandbox)
    kill(before)
    eventually(lambda: supervisor_pid(sandbox) != before)
    ps = sandbox.ps(shop)
    assert {one["status"] for one in ps["services"]} == {"healthy"}
    assert any("buld" in warning and "sandbox.yaml:" in warning for warning in ps["warnings"])
    assert get(ps["gateway"] + "/via/stock/")["instance"].startswith("stock")
    (shop / "sandbox.yaml").write_text(good)
    sandbox.up(shop)
    assert sandbox.ps(shop)["warnings"] == []


@pytest.fixture
def crowded(sandbox: Sandbox) -> Iterator[Callable[[int], None]]:
    """A user with a small disk for sandbox's state; filled until so many bytes are left."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    sandbox.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", sandbox.state], check=True)

    def fill(leave: int) -> None:
        left = shutil.disk_usage(sandbox.state).free
        (sandbox.state / "ballast").write_bytes(bytes(left - leave))

    yield fill
    subprocess.run(["umount", sandbox.state], check=True)


@pytest.mark.parametrize("left", [0, 64 * 1024])
def test_a_full_disk_is_told_and_nothing_begins(
    sandbox: Sandbox, shop: Path, crowded: Callable[[int], None], left: int
) -> None:
    crowded(left)
    said = sandbox.run("up", shop, "-d", check=1).stderr
    assert re.match(
        "error: .*(No space left on device|only .* KB of its disk are free)\nhint: free some disk space\n", said
    )
    assert sandbox.left_running() == []
