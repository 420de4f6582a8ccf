"""Files are read again when they changed, whatever is done to hide it. No engine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from sandbox.runtime.docker.builds.digests import Digests

OLD = (1_000_000_000, 1_000_000_000)


def digest(text: str) -> tuple[int, str]:
    return len(text), hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read."""
    found: list[str] = []
    read = Digests._read

    def noting(self: Digests, path: Path) -> tuple[int, str]:
        found.append(path.name)
        return read(self, path)

    monkeypatch.setattr(Digests, "_read", noting)
    monkeypatch.setattr("sandbox.runtime.docker.builds.digests._RACY", -(10**12))
    return found


def test_what_did_not_change_is_not_read_again(tmp_path: Path, opened: list[str]) -> None:
    file, digests = tmp_path / "a", Digests()
    file.write_text("one")
    assert [digests.of(file), digests.of(file)] == [digest("one")] * 2
    assert opened == ["a"]


def test_the_same_size_and_time_do_not_hide_a_change(tmp_path: Path, opened: list[str]) -> None:
    file, digests = tmp_path / "a", Digests()
    for text in ("one", "two"):
        (tmp_path / "new").write_text(text)
        os.utime(tmp_path / "new", ns=OLD)
        (tmp_path / "new").replace(file)
        assert digests.of(file) == digest(text)
    file.write_text("six")
    os.utime(file, ns=OLD)
    assert digests.of(file) == digest("six")


def test_what_was_written_just_now_may_be_written_again_at_the_same_time(tmp_path: Path) -> None:
    file, digests = tmp_path / "a", Digests()
    file.write_text("one")
    digests.of(file)
    assert digests._known == {}


def test_what_is_remembered_is_bounded(tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.runtime.docker.builds.digests._MOST", 2)
    digests = Digests()
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
        digests.of(tmp_path / name)
    assert list(digests._known) == [str(tmp_path / "c")]
