"""The shim as its clients meet it, with real processes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.errors import NotRunningError
from sandbox.paths import ProjectPaths
from sandbox.runtime import launch as launching
from sandbox.runtime import sweep as sweeping
from sandbox.runtime.base import Exit, Running
from sandbox.runtime.client import Role, ShimClient, ShimLost, ShimRefusal, answers, shut_down
from sandbox.runtime.launch import launch, shim_log
from sandbox.runtime.logfile import last_lines
from sandbox.runtime.selfexec import self_command
from sandbox.runtime.sweep import mark_file, sweep
from tests.runtime.home import SHELL_ENVIRONMENT, alive, project_paths, read_pid, until


async def start(
    shim: ShimClient, paths: ProjectPaths, id: str, script: str, *, role: Role = "service", restart: bool = False
) -> Running:
    return await shim.start(
        id,
        ["sh", "-c", script],
        cwd=paths.state,
        env=SHELL_ENVIRONMENT,
        log=paths.logs / f"{id}.log",
        role=role,
        restart=restart,
    )


async def first_exit(shim: ShimClient, role: Role = "service") -> Exit:
    async with asyncio.timeout(10):
        return await anext(aiter(shim.exits(role)))


async def pid_in(file: Path) -> int:
    await until(lambda: read_pid(file) is not None)
    return read_pid(file) or 0


# --- what a child is given ------------------------------------------------------------------------------------------


async def test_a_child_has_a_session_of_its_own_and_nothing_of_ours(shim: ShimClient, paths: ProjectPaths) -> None:
    report = "echo $(ls /proc/self/fd | sort -n); grep -E 'Sig(Blk|Ign)' /proc/self/status"
    child = await start(shim, paths, "a", f"{report}; cat; exec sleep 60")
    log = paths.logs / "a.log"
    await until(lambda: len(last_lines(log, 9)) == 3)
    descriptors, blocked, ignored = last_lines(log, 9)
    assert descriptors.split() == ["0", "1", "2", "3"]  # 3 is the folder that ls itself reads
    assert blocked.split()[1] == ignored.split()[1] == "0" * 16
    assert os.getsid(child.pid or 0) == child.pid


async def test_the_environment_is_exactly_what_was_given_and_the_mark(shim: ShimClient, paths: ProjectPaths) -> None:
    code, output = await shim.run(["env"], 5, cwd=paths.state, env={"PATH": os.environ["PATH"], "A": "1\n2"})
    assert code == 0
    assert {line.split("=")[0] for line in output.splitlines() if "=" in line} == {"PATH", "A", "SANDBOX_SHIM"}


async def test_a_command_keeps_its_last_four_kibibytes(shim: ShimClient, paths: ProjectPaths) -> None:
    script = "yes 0123456789 | head -n 10000; echo the end; exit 7"
    code, output = await shim.run(["sh", "-c", script], 5, cwd=paths.state, env=SHELL_ENVIRONMENT)
    assert code == 7
    assert output.endswith("0123456789\nthe end\n")
    assert len(output) == 4096


async def test_a_start_that_fails_names_the_reason(shim: ShimClient, paths: ProjectPaths) -> None:
    (paths.state / "script").write_text("#!/bin/sh\n")
    for argv, cwd, name, words in (
        (["./script"], paths.state, "EACCES", "./script: Permission denied"),
        (["./nothing"], paths.state, "ENOENT", "./nothing: No such file or directory"),
        (["ls"], paths.state / "gone", "ENOENT", f"its folder {paths.state}/gone: No such file or directory"),
    ):
        with pytest.raises(ShimRefusal) as refusal:
            await shim.start("a", argv, cwd=cwd, env=SHELL_ENVIRONMENT, log=paths.logs / "a.log")
        assert (refusal.value.errno_name, refusal.value.message) == (name, words)
    assert await shim.list() == ()


# --- ends -----------------------------------------------------------------------------------------------------------


async def test_without_room_for_another_file_starts_are_refused_and_ends_are_noticed_later(
    shim: ShimClient, paths: ProjectPaths
) -> None:
    ending = await start(shim, paths, "b", "exec sleep 60")
    pid = await shim.ping()
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
    with pytest.raises(ShimRefusal) as refused:
        await start(shim, paths, "a", "exec sleep 60")
    assert refused.value.errno_name == "EMFILE"
    os.kill(ending.pid or 0, signal.SIGKILL)
    await until(lambda: not alive(ending.pid or 0))
    assert await shim.ping() == pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert (await first_exit(shim)).id == "b"
    await start(shim, paths, "a", "exec sleep 60")


async def test_a_daemonised_grandchild_goes_with_its_instance(shim: ShimClient, paths: ProjectPaths) -> None:
    note = paths.state / "grandchild"
    await start(shim, paths, "a", f"(setsid setsid sh -c 'echo $$ > {note}; exec sleep 60' &) ; exec sleep 60")
    await start(shim, paths, "b", "exec sleep 60")
    grandchild = await pid_in(note)
    await shim.stop("a", 5)
    assert not alive(grandchild)
    assert [kept.id for kept in await shim.list()] == ["b"]


async def test_a_grandchild_that_ignores_sigterm_is_killed(shim: ShimClient, paths: ProjectPaths) -> None:
    note = paths.state / "grandchild"
    stubborn = f'trap "" TERM; echo $$ > {note}; while :; do sleep 0.05; done'
    await start(shim, paths, "a", f"setsid sh -c '{stubborn}' & exec sleep 60")
    grandchild = await pid_in(note)
    await shim.stop("a", 0.2)
    assert not alive(grandchild)


async def test_an_orphan_without_the_mark_is_known_by_its_session(shim: ShimClient, paths: ProjectPaths) -> None:
    note = paths.state / "orphan"
    await start(shim, paths, "a", f"(env -i sh -c 'echo $$ > {note}; exec sleep 60' &) ; exec sleep 60")
    orphan = await pid_in(note)
    await shim.stop("a", 5)
    assert not alive(orphan)


async def test_leftovers_of_a_crash_are_ended_before_the_exit_is_told(shim: ShimClient, paths: ProjectPaths) -> None:
    note = paths.state / "worker"
    child = await start(shim, paths, "a", f"sh -c 'echo $$ > {note}; exec sleep 60' & while :; do sleep 0.05; done")
    worker = await pid_in(note)
    os.kill(child.pid or 0, signal.SIGKILL)
    assert (await first_exit(shim)).signal == signal.SIGKILL
    assert not alive(worker)


async def test_a_stopped_process_can_be_ended(shim: ShimClient, paths: ProjectPaths) -> None:
    child = await start(shim, paths, "a", "exec sleep 60")
    await shim.signal("a", signal.SIGSTOP)
    await until(lambda: " T " in Path(f"/proc/{child.pid}/stat").read_text())
    await shim.stop("a", 30)
    assert (await first_exit(shim)).signal == signal.SIGTERM


async def test_a_cancelled_command_is_killed(shim: ShimClient, paths: ProjectPaths) -> None:
    note = paths.state / "command"
    script = f"echo $$ > {note}; exec sleep 60"
    running = asyncio.ensure_future(shim.run(["sh", "-c", script], 60, cwd=paths.state, env=SHELL_ENVIRONMENT))
    pid = await pid_in(note)
    running.cancel()
    await until(lambda: not alive(pid))


async def test_an_exit_that_is_not_heard_is_told_to_the_next_client(shim: ShimClient, paths: ProjectPaths) -> None:
    await start(shim, paths, "a", "exit 1")
    assert (await first_exit(shim)).id == "a"  # heard of, but this client dies while it handles it
    await shim.close()
    successor = await ShimClient.connect(paths.shim_socket)
    exits = aiter(successor.exits("service"))
    assert (await anext(exits)).id == "a"
    await start(successor, paths, "b", "exit 2")
    assert (await anext(exits)).id == "b"
    await successor.ping()  # after which "a" is known to be heard
    third = await ShimClient.connect(paths.shim_socket)
    assert (await first_exit(third)).id == "b"
    await successor.close()
    await third.close()


async def test_exits_are_told_by_role(shim: ShimClient, paths: ProjectPaths) -> None:
    await start(shim, paths, "envoy", "exit 1", role="proxy")
    await start(shim, paths, "a", "exit 2")
    assert (await first_exit(shim, "service")).id == "a"
    assert (await first_exit(shim, "proxy")).id == "envoy"


async def test_a_daemon_is_started_again_until_it_is_stopped(shim: ShimClient, paths: ProjectPaths) -> None:
    starts = paths.state / "starts"
    await start(shim, paths, "d", f"echo $$ >> {starts}; exec sleep 60", role="daemon", restart=True)
    first = await pid_in(starts)
    os.kill(first, signal.SIGKILL)
    await until(lambda: len(starts.read_text().split()) == 2)
    await shim.stop("d", 1)
    assert await shim.list() == ()


async def test_a_daemon_that_keeps_failing_waits_ever_longer(shim: ShimClient, paths: ProjectPaths) -> None:
    await start(shim, paths, "d", "exit 1", role="daemon", restart=True)
    async with asyncio.timeout(10):
        while not [kept for kept in await shim.list() if kept.state == "backoff" and kept.restarts == 3]:
            await asyncio.sleep(0.01)
    await shim.stop("d", 1)
    assert await shim.list() == ()


# --- the shim itself ------------------------------------------------------------------------------------------------


async def test_children_do_not_notice_that_a_client_dies(shim: ShimClient, paths: ProjectPaths) -> None:
    child = await start(shim, paths, "a", "while :; do echo alive; sleep 0.02; done")
    await shim.close()
    before = len(last_lines(paths.logs / "a.log", 1000))
    await until(lambda: len(last_lines(paths.logs / "a.log", 1000)) > before + 3)
    assert alive(child.pid or 0)


async def test_only_the_user_may_connect(shim: ShimClient, paths: ProjectPaths) -> None:
    for path in (paths.shim_socket, paths.shim_lock, mark_file(paths), shim_log(paths)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_a_second_shim_can_not_serve_the_project(shim: ShimClient, paths: ProjectPaths) -> None:
    pid = await shim.ping()
    launch(paths)
    arguments = (str(paths.shim_socket), str(paths.shim_lock), str(mark_file(paths)))
    second = subprocess.run(self_command("sandbox.runtime.shim", *arguments, isolated=True), check=False)
    assert second.returncode == 3
    assert await shim.ping() == pid


async def test_nonsense_is_answered_and_harms_nobody(shim: ShimClient, paths: ProjectPaths) -> None:
    reader, writer = await asyncio.open_unix_connection(str(paths.shim_socket))
    for line in (
        b"\xff\xfe",
        b"[]",
        b'{"order": []}',
        b'{"order": "start", "id": 5}',
        b"[" * 100_000,
        b'{"order":"run"}',
    ):
        writer.write(line + b"\n")
        assert b"error" in await reader.readline(), line[:20]
    writer.write(b"x" * (5 * 1024 * 1024))
    assert b"too_long" in await reader.readline()
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert await shim.ping()


async def test_a_client_that_never_reads_is_let_go(shim: ShimClient, paths: ProjectPaths) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(paths.shim_socket))
        deaf.settimeout(10)
        # Each answer repeats what was not understood, so answers pile up as fast as orders.
        order = b'{"order": "%s"}\n' % (b"x" * 60_000)
        with pytest.raises(OSError):
            for _ in range(1000):
                deaf.sendall(order)
    assert await shim.ping()


async def test_shutting_down_leaves_nothing(shim: ShimClient, paths: ProjectPaths) -> None:
    note = paths.state / "stray"
    await start(shim, paths, "supervisor", "exec sleep 60", role="daemon", restart=True)
    await start(shim, paths, "envoy", "exec sleep 60", role="proxy")
    await start(shim, paths, "a", f"(env -i setsid sh -c 'echo $$ > {note}; exec sleep 60' &); exec sleep 60")
    stray = await pid_in(note)
    pids = [kept.pid or 0 for kept in await shim.list()]
    (paths.run / "api.sock").touch()
    shim_pid = await shim.ping()
    await shim.shut_down(5)
    await shim.lost()
    await until(lambda: not alive(shim_pid))
    assert [pid for pid in [*pids, stray] if alive(pid)] == []
    assert not paths.run.exists()
    assert not mark_file(paths).exists()
    assert shim_log(paths).read_text() == ""
    with pytest.raises(NotRunningError):
        shut_down(paths.shim_socket, 1)


async def test_services_end_before_the_proxy_and_the_proxy_before_daemons(
    shim: ShimClient, paths: ProjectPaths
) -> None:
    order = paths.state / "order"
    for role in ("daemon", "proxy", "service"):
        script = f"trap 'echo {role} >> {order}; exit' TERM; touch {role}; while :; do sleep 0.02; done"
        await start(shim, paths, role, script, role=role)
    await until(lambda: all((paths.state / role).exists() for role in ("daemon", "proxy", "service")))
    await asyncio.to_thread(shut_down, paths.shim_socket, 5)
    assert order.read_text().split() == ["service", "proxy", "daemon"]


async def test_sigterm_to_the_shim_is_an_orderly_end(shim: ShimClient, paths: ProjectPaths) -> None:
    child = await start(shim, paths, "a", "exec sleep 60")
    os.kill(await shim.ping(), signal.SIGTERM)
    await shim.lost()
    await until(lambda: not alive(child.pid or 0) and not paths.run.exists())


async def test_a_killed_shim_is_noticed_and_swept(shim: ShimClient, paths: ProjectPaths) -> None:
    note = paths.state / "grandchild"
    child = await start(shim, paths, "a", f"(setsid sh -c 'echo $$ > {note}; exec sleep 60' &) ; exec sleep 60")
    grandchild = await pid_in(note)
    os.kill(await shim.ping(), signal.SIGKILL)
    with pytest.raises(ShimLost):
        await first_exit(shim)
    with pytest.raises(ShimLost):
        await shim.ping()
    assert alive(child.pid or 0)
    assert sweep(paths) == 2
    assert not alive(child.pid or 0)
    assert not alive(grandchild)
    assert not answers(paths.shim_socket)


async def test_a_new_shim_sweeps_first(shim: ShimClient, paths: ProjectPaths) -> None:
    child = await start(shim, paths, "a", "exec sleep 60")
    os.kill(await shim.ping(), signal.SIGKILL)
    await shim.lost()
    launch(paths)
    assert not alive(child.pid or 0)
    assert answers(paths.shim_socket)


async def test_sweeping_beside_a_living_shim_does_nothing(shim: ShimClient, paths: ProjectPaths) -> None:
    child = await start(shim, paths, "a", "exec sleep 60")
    started = time.monotonic()
    assert sweep(paths) == 0
    assert time.monotonic() - started < 1
    assert alive(child.pid or 0)
    assert await shim.ping()


async def test_two_projects_do_not_touch_each_other(shim: ShimClient, paths: ProjectPaths) -> None:
    child = await start(shim, paths, "a", "exec sleep 60")
    with project_paths() as other:
        launch(other)
        neighbour = await ShimClient.connect(other.shim_socket)
        await start(neighbour, other, "a", "exec sleep 60")
        await neighbour.shut_down(5)
        await neighbour.close()
    assert alive(child.pid or 0)


async def test_it_is_small_and_quick(shim: ShimClient) -> None:
    """Loose bounds: the interpreter alone has 8.5 MB."""
    status = Path(f"/proc/{await shim.ping()}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 20_000


def test_it_imports_nothing_but_the_standard_library_and_itself() -> None:
    program = (
        "import sys; sys.path.append(sys.argv[1]); import sandbox.runtime.shim.__main__; "
        "print(*sorted(m for m in sys.modules if m.partition('.')[0] not in sys.stdlib_module_names))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program, root], capture_output=True, text=True, check=True)
    assert all(
        name.startswith("sandbox.runtime.shim") or name in ("__main__", "sandbox", "sandbox.runtime")
        for name in done.stdout.split()
    ), done.stdout


def test_a_shim_that_can_not_start_says_why(paths: ProjectPaths) -> None:
    arguments = (str(paths.run / ("x" * 200)), str(paths.shim_lock), str(mark_file(paths)))
    done = subprocess.run(
        self_command("sandbox.runtime.shim", *arguments, isolated=True), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "too long" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_that_sweep_at_once_are_not_in_each_others_way(paths: ProjectPaths) -> None:
    """As when `down --purge` follows a `down` that still clears up."""

    def clear_up(_: int) -> None:
        sweep(paths)
        shutil.rmtree(paths.run, ignore_errors=True)

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(clear_up, range(400)))


def test_a_launch_waits_for_another_that_clears_up(paths: ProjectPaths) -> None:
    with ThreadPoolExecutor(1) as hands:
        held = os.open(paths.shim_lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = threading.Event()
        start = launching._start

        def start_once(paths: ProjectPaths) -> int | None:
            code = start(paths)
            refused.set()
            return code

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launching, "_start", start_once)
            patch.setattr(sweeping, "_DYING", 0.0)
            launched = hands.submit(launch, paths)
            assert refused.wait(20)
            os.close(held)
            launched.result(30)
    assert answers(paths.shim_socket)


async def test_a_sweep_that_waited_for_another_leaves_the_shim_that_came_meanwhile(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, shims = sweeping._take, list[ProjectPaths]()

    def take_late(file: int, socket: Path) -> bool:
        taken = take(file, socket)
        if not shims:  # the other one removes the lock that we have now, and starts a shim
            shims.append(paths)
            paths.shim_lock.unlink()
            assert launching._start(paths) == 0
        return taken

    monkeypatch.setattr(sweeping, "_take", take_late)
    assert sweep(paths) == 0
    assert mark_file(paths).exists()
    shim = await ShimClient.connect(paths.shim_socket)
    assert await shim.ping()
    await shim.close()
