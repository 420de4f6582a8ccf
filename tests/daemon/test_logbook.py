"""What builds print and what instances wrote, where `logs` finds it."""

from __future__ import annotations

from pathlib import Path

from sandbox.control import LogCounts, LogLevel, LogQuery
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


async def test_what_arrives_by_otlp_is_beside_what_instances_print(tmp_path: Path) -> None:
    logbook = logbook_of(tmp_path)

    assert logbook.received("mill", "v1", ['{"level":"error","msg":"no flour"}'])
    assert logbook.received("mill", "", ["one version needs no name"])
    assert not logbook.received("nobody", "v1", ["x"])

    (first, second) = [line async for line in logbook.lines(LogQuery(services=("mill",)))]
    assert (first.instance, first.level, first.message) == ("mill-v1-otlp", LogLevel.ERROR, "no flour")
    assert second.text == "one version needs no name"
    logbook.close()


async def test_what_became_of_all_that_was_written(tmp_path: Path) -> None:
    logbook = logbook_of(tmp_path)
    logbook.received("mill", "v1", ["12345"])

    assert logbook.counts() == (LogCounts(service="mill", instance="mill-v1-otlp", written=6, dropped=0, held=6),)
    logbook.close()
