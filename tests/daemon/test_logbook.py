"""What builds print and what instances wrote, where `logs` finds it."""

from __future__ import annotations

from pathlib import Path

from sandbox.control import LogQuery
from sandbox.daemon.logbook import Logbook
from sandbox.runtime.shim.journal import Journal
from sandbox.supervisor.desired import VersionKey
from tests.supervisor.build import a_service, desire
from tests.supervisor.test_cluster import Stage

MILL = VersionKey("mill", "v1")


async def lines(logbook: Logbook) -> list[str]:
    return [f"{line.instance}: {line.text}" async for line in logbook.lines(LogQuery())]


def logbook_of(folder: Path) -> Logbook:
    logbook = Logbook(folder)
    logbook.of(Stage(desire(a_service("mill"))).cluster)
    return logbook


async def test_what_a_build_prints_is_in_the_services_log(tmp_path: Path) -> None:
    logbook = logbook_of(tmp_path)
    with logbook.of_build(MILL) as output:
        output("Step 1/2")
        output("Step 2/2")
    assert await lines(logbook) == ["mill-v1-build: Step 1/2", "mill-v1-build: Step 2/2"]


async def test_the_next_build_adds_only_what_is_new(tmp_path: Path) -> None:
    logbook = logbook_of(tmp_path)
    for word in ("flour", "yeast"):
        with logbook.of_build(MILL) as output:
            output("Step 1/2")
            output(word)
    assert [line.split()[-1] for line in await lines(logbook)] == ["1/2", "flour", "yeast"]


async def test_an_instance_that_was_replaced_is_still_read(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "mill-v1-7.log"), 1024)
    journal.feed(b"my last words\n")
    journal.end()
    (tmp_path / "mill-v10-1.log").write_bytes(b"of somebody else\n")
    assert await lines(logbook_of(tmp_path)) == ["mill-v1-7: my last words"]
