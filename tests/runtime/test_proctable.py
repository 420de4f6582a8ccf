"""Which processes belong to one start."""

from __future__ import annotations

from sandbox.runtime.shim.proctable import Process, Table, members

SHIM, ROOT, DAEMON = 10, 20, 30


def process(pid: int, parent: int, session: int = 1, *, started: str = "7", zombie: bool = False) -> Process:
    return Process(pid, parent, session, started, zombie)


def found(*processes: Process, known: tuple[tuple[int, str], ...] = ()) -> list[int]:
    table = Table([process(SHIM, 1), *processes])
    return sorted(one.pid for one in members(table, SHIM, ROOT, "no such mark", known))


def test_what_descends_from_the_first_process_or_is_in_its_session() -> None:
    stranger = process(23, SHIM)
    assert found(process(ROOT, SHIM, ROOT), process(21, ROOT), process(22, SHIM, ROOT), stranger) == [ROOT, 21, 22]


def test_one_that_ends_and_has_lost_its_mark_is_waited_for() -> None:
    ending = process(DAEMON, SHIM, DAEMON)
    assert found(ending) == []
    assert found(ending, known=((DAEMON, "7"),)) == [DAEMON]
    assert found(process(DAEMON, SHIM, DAEMON, zombie=True), known=((DAEMON, "7"),)) == []


def test_a_pid_that_names_another_process_by_now_is_a_stranger() -> None:
    assert found(process(DAEMON, SHIM, DAEMON, started="8"), known=((DAEMON, "7"),)) == []
    assert found(process(DAEMON, SHIM, DAEMON, started=""), known=((DAEMON, ""),)) == []
