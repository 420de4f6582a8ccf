"""What of a process's memory counts as its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.runtime.procusage import Trees, resident
from sandbox.runtime.sharing import ASK_AGAIN, Sharing

MB = 1 << 20


class Machine:
    """A process, as a kernel that is asked tells of it."""

    def __init__(self, proc: Path) -> None:
        self.now = 100.0
        self.file = proc / "7" / "smaps_rollup"
        self.file.parent.mkdir()
        self.sharing = Sharing(lambda: self.now, proc)

    def share(self, megabytes: int) -> None:
        self.file.write_text(f"55d4-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 1 kB\nPss: {megabytes * 1024} kB\n")

    def own(self, megabytes: int, started: str = "1") -> float:
        return self.sharing.own(7, started, megabytes * MB) / MB


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_where_the_kernel_does_not_tell_all_counts(machine: Machine) -> None:
    assert machine.own(20) == 20
    machine.file.write_text("Pss: many kB\n")
    assert machine.own(40) == 40


def test_what_is_shared_counts_elsewhere(machine: Machine) -> None:
    machine.share(12)
    assert machine.own(20) == 12


def test_between_two_questions_what_comes_is_its_own(machine: Machine) -> None:
    machine.share(12)
    machine.own(20)
    machine.share(1)
    assert machine.own(22) == 14
    assert machine.own(5) == 1  # so much smaller that it is asked again
    machine.share(2)
    machine.now += ASK_AGAIN
    assert machine.own(5) == 2


def test_another_process_with_the_same_number_is_asked_about(machine: Machine) -> None:
    machine.share(12)
    machine.own(20)
    machine.share(3)
    assert machine.own(20, started="2") == 3
    machine.share(4)
    machine.sharing.keep_only(set())
    assert machine.own(20, started="2") == 4


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="this kernel does not tell")
def test_a_child_and_its_parent_count_once_what_they_share() -> None:
    program = "import os, sys; x = b'x' * (64 << 20); os.fork(); os.write(1, b'up\\n'); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == [b"up\n"] * 2
        [usage] = Trees().usage({"both": parent.pid})
        assert 64 * MB < usage.memory < resident(parent.pid) - 32 * MB
        parent.communicate()
