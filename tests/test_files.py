"""Small files that survive a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.files import remove_unfinished, set_aside, write_atomic


def test_a_file_is_replaced_as_a_whole_and_private(tmp_path: Path) -> None:
    place = tmp_path / "state.json"
    write_atomic(place, b"old")
    write_atomic(place, b"new")
    assert place.read_bytes() == b"new"
    assert place.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [place]


def test_a_write_that_fails_leaves_the_old_text_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "state.json"
    write_atomic(place, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(place, b"new")
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".state.json.abcdef.tmp").write_text("half")
    (tmp_path / "kept.tmp").write_text("not ours")
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.tmp"]


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    place = tmp_path / "state.json"
    place.write_text("damaged")
    assert set_aside(place).read_text() == "damaged"
    assert not place.exists()
