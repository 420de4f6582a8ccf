"""Only what an instance printed in its present life, and shortly before its end, says why it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import Status
from sandbox.runtime.base import Exit
from sandbox.supervisor.evidence import Evidence
from tests.supervisor.build import a_version, an_instance

MILL = replace(an_instance("mill-v1-1", Status.STARTING), started_at=1000.0)
WORDS = ('  File "/app/grind.py", line 7, in <module>', "KeyError: 'stone'")


class Log:
    """Has a traceback at 999 and at 1004."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def printed(self, instance: str, since: float, count: int) -> Sequence[str]:
        self.asked.append(since)
        return [line for at in (999.0, 1004.0) if at >= since for line in WORDS][-count:]


def ended(at: float, *, code: int | None = 1, signal: int | None = None) -> Exit:
    return Exit(id=MILL.id, pid=100, code=code, signal=signal, at=at)


@pytest.mark.parametrize(
    ("exit", "said"),
    [
        (ended(1004.1), "grind.py:7: KeyError: 'stone'"),
        (ended(1100.0), None),
        (ended(1004.1, code=0), None),
        (ended(1004.1, code=None, signal=9), None),
    ],
)
def test_the_culprit(exit: Exit, said: str | None) -> None:
    assert Evidence(Log().printed).culprit(MILL, a_version(), Path("/"), exit) == said


def test_last_words_have_no_colours() -> None:
    evidence = Evidence(lambda instance, since, count: ["\x1b[31mKeyError\x1b[0m: 'stone'"])
    assert evidence.last_lines(MILL) == "KeyError: 'stone'"


def test_an_earlier_life_under_the_same_id_is_no_evidence() -> None:
    log = Log()
    assert Evidence(log.printed).last_lines(MILL) == "\n".join(WORDS)
    Evidence(log.printed).culprit(MILL, a_version(), Path("/"), ended(1001.0))
    assert all(999.0 < since <= 1000.0 for since in log.asked)


def test_what_never_started_said_nothing() -> None:
    unborn = replace(MILL, started_at=None)
    evidence = Evidence(Log().printed)
    assert evidence.last_lines(unborn) == ""
    assert evidence.culprit(unborn, a_version(), Path("/"), ended(1004.1)) is None
