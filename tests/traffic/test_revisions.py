from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from sandbox.control import Origin, Revision
from sandbox.errors import SandboxError
from sandbox.traffic import revisions
from sandbox.traffic.revisions import RevisionStore

DOCUMENT = {"rules": [{"backendRefs": [{"version": "v2"}]}]}


def quiet(message: str) -> None:
    raise AssertionError(message)


def add(store: RevisionStore, why: str = "", **notes: object) -> Revision:
    return store.add(
        {"steamer": DOCUMENT},
        at=5.0,
        origin=Origin.CLI,
        why=why,
        summary="s",
        services=("steamer",),
        notes=lambda number: notes,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traffic.db"


def test_what_was_added_is_there_for_the_next_supervisor(path: Path) -> None:
    store = RevisionStore(path, quiet)
    first, second = add(store, "one"), add(store, "two", trial={"ends_at": 3})
    store.close()

    store = RevisionStore(path, quiet)
    newest = store.newest()

    assert newest is not None and (newest.revision, newest.documents) == (second, {"steamer": DOCUMENT})
    assert store.history(10) == (second, first) and store.history(1) == (second,)
    assert store.before(second.number) == store.get(first.number) != store.get(99)
    assert store.noted("trial") == {"ends_at": 3}
    store.close()


@pytest.mark.parametrize("number", [0, -(2**70), 2**63, 2**70])
def test_there_is_no_revision_of_a_number_that_none_can_have(path: Path, number: int) -> None:
    store = RevisionStore(path, quiet)
    add(store)

    assert store.get(number) is None
    store.close()


def test_notes_go_when_they_are_none(path: Path) -> None:
    store = RevisionStore(path, quiet)
    store.note(trial={"a": 1})
    store.note(trial=None, file={})

    assert (store.noted("trial"), store.noted("file"), store.newest()) == (None, {}, None)
    store.close()


def test_only_its_owner_reads_it(path: Path) -> None:
    store = RevisionStore(path, quiet)
    add(store)

    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}
    store.close()


def test_old_revisions_go_and_numbers_are_never_used_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "KEPT", 3)
    store = RevisionStore(path, quiet)

    numbers = [add(store).number for _ in range(5)]

    assert [one.number for one in store.history(10)] == list(reversed(numbers[-3:]))
    store.close()


@pytest.mark.parametrize("damage", [b"no database at all, and long enough to be read as one" * 90, b"x" * 10])
def test_a_damaged_file_is_set_aside_and_said(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)
    said: list[str] = []

    store = RevisionStore(path, said.append)

    assert store.newest() is None and add(store).number == 1
    assert path.with_name("traffic.db.corrupt").read_bytes() == damage
    assert "begins anew" in said[0]
    store.close()


def test_a_row_that_nobody_of_ours_wrote_is_damage_too(path: Path) -> None:
    store = RevisionStore(path, quiet)
    add(store)
    store.close()
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE revisions SET documents = 'oops'")
    database.close()
    said: list[str] = []

    store = RevisionStore(path, said.append)

    assert store.newest() is None and len(said) == 1
    store.close()


def test_a_file_that_can_not_be_opened_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="can't keep the history of traffic"):
        RevisionStore(tmp_path / "nowhere" / "traffic.db", quiet)
