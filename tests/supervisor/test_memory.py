"""What outlives the supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import Status
from sandbox.errors import SandboxError
from sandbox.supervisor.desired import VersionKey, Wishes
from sandbox.supervisor.memory import Memory, MemoryFile, Recorder, remember
from sandbox.supervisor.state import InstanceState
from tests.supervisor.build import an_instance


def test_a_new_supervisor_remembers_what_the_old_one_knew(tmp_path: Path) -> None:
    wishes = Wishes(replicas={VersionKey("mill", "v1"): 3}, stopped=frozenset({"oven"}), generations={"mill": 2})
    memory = remember(wishes, [an_instance("mill-v1-1")], {"edge/a/b/1": 20001}, "key")
    MemoryFile(tmp_path / "state.json").save(memory)
    again = MemoryFile(tmp_path / "state.json").load()
    assert again == memory
    assert again.wishes() == wishes


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    MemoryFile(tmp_path / "state.json").save(Memory(otlp_key="secret"))
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_a_missing_file_is_an_empty_memory(tmp_path: Path) -> None:
    assert MemoryFile(tmp_path / "state.json").load() == Memory()


@pytest.mark.parametrize("damage", [b"", b"{", b"\x00\xff", b'{"ports": 5}', b"[]"])
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, damage: bytes) -> None:
    place = tmp_path / "state.json"
    place.write_bytes(damage)
    file = MemoryFile(place)
    assert file.load() == Memory()
    assert "state.json.corrupt" in file.notice
    assert (tmp_path / "state.json.corrupt").read_bytes() == damage
    file.save(Memory(otlp_key="new"))
    assert MemoryFile(place).load().otlp_key == "new"


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "state.json")
    file.save(Memory(otlp_key="a"))
    before = (tmp_path / "state.json").stat().st_ino
    file.save(Memory(otlp_key="a"))
    assert (tmp_path / "state.json").stat().st_ino == before
    file.save(Memory(otlp_key="b"))
    assert (tmp_path / "state.json").stat().st_ino != before


def test_a_disk_that_refuses_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "missing" / "state.json")
    with pytest.raises(SandboxError, match=r"state\.json"):
        file.save(Memory(otlp_key="a"))


MILL = VersionKey("mill", "v1")


class Desk:
    """`saved` is what a new supervisor would find."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "state.json"
        self.failures: list[SandboxError] = []
        self.recorder = Recorder(MemoryFile(self.place), self.failures.append)

    @property
    def saved(self) -> Memory:
        return MemoryFile(self.place).load()

    def note(self, wishes: Wishes, instances: Iterable[InstanceState] = ()) -> Memory:
        memory = remember(wishes, instances, {}, "key")
        self.recorder.note(memory)
        return memory

    async def until_saved(self, memory: Memory) -> None:
        async with asyncio.timeout(5):
            while self.saved != memory:
                await asyncio.sleep(0.001)


async def test_whose_the_processes_are_is_saved_at_once_and_how_they_are_a_moment_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    starts = replace(an_instance("mill-v1-1"), status=Status.STARTING, ready=False, pid=None)
    asked = desk.note(Wishes(), [starts])
    started = desk.note(Wishes(), [replace(starts, pid=7)])
    assert desk.saved == started != asked
    ready = desk.note(Wishes(), [replace(starts, pid=7, status=Status.HEALTHY, ready=True)])
    assert desk.saved == started
    await desk.until_saved(ready)
    gone = desk.note(Wishes(), [])
    assert desk.saved == ready
    await desk.until_saved(gone)


async def test_what_a_person_wished_is_saved_at_once_and_what_a_save_asked_for_a_moment_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    scaled = desk.note(Wishes(replicas={MILL: 3}))
    assert desk.saved == scaled
    reloaded = desk.note(Wishes(replicas={MILL: 3}, reloads={MILL: 1}))
    assert desk.saved == scaled
    await desk.until_saved(reloaded)


async def test_nothing_is_owed_at_the_end(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.note(Wishes())
    reloaded = desk.note(Wishes(reloads={MILL: 1}))
    desk.recorder.flush()
    assert desk.saved == reloaded


async def test_a_disk_that_refuses_is_heard_of_each_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "missing")
    desk.note(Wishes(replicas={MILL: 3}))
    desk.note(Wishes(replicas={MILL: 4}))
    assert len(desk.failures) == 2
