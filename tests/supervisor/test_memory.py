"""What outlives the supervisor."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.supervisor.desired import VersionKey, Wishes
from sandbox.supervisor.memory import Memory, MemoryFile, remember
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
