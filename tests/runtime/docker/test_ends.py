"""How containers ended, in people's words."""

from __future__ import annotations

import calendar
import signal
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runtime.docker.ends import ends, exit_of, moment, signal_number

FINISHED = "2026-01-31T12:00:00.5Z"
AT = calendar.timegm((2026, 1, 31, 12, 0, 0)) + 0.5


def told(code: int, stopped_by: int | None = None, *, config: dict[str, Any] | None = None, **state: Any) -> str:
    details = {"State": {"ExitCode": code, "FinishedAt": FINISHED, **state}, "Config": config or {}, "HostConfig": {}}
    details["HostConfig"]["Memory"] = 64 * 2**20
    exit = exit_of("web-v1-1", 7, details, stopped_by=stopped_by)
    assert (exit.id, exit.pid, exit.at) == ("web-v1-1", 7, AT)
    assert (exit.code is None) != (exit.signal is None)
    return exit.describe()


def test_codes_and_signals() -> None:
    assert told(0) == "exit code 0"
    assert told(3) == "exit code 3"
    assert told(137) == "killed by signal 9 (SIGKILL)"
    assert told(139) == "killed by signal 11 (SIGSEGV)"
    assert told(255) == "exit code 255"
    assert told(127, Error="it is not there") == "exit code 127, it is not there"


def test_out_of_memory() -> None:
    assert told(137, OOMKilled=True) == "killed by signal 9 (SIGKILL), out of memory (its limit is 64 MiB)"


def test_what_ends_politely_when_somebody_stops_it_did_not_end_by_itself() -> None:
    assert told(0, signal.SIGTERM) == "killed by signal 15 (SIGTERM)"
    assert told(4, signal.SIGTERM) == "exit code 4"


def test_a_signal_that_asks_for_something_else_ends_nothing() -> None:
    assert told(0, signal.SIGHUP) == "exit code 0"
    assert told(0, signal.SIGUSR1) == "exit code 0"
    assert told(0, signal.SIGUSR1, config={"StopSignal": "SIGUSR1"}) == "killed by signal 10 (SIGUSR1)"


def test_a_container_of_which_nothing_is_known() -> None:
    exit = exit_of("web-v1-1", None, {}, stopped_by=None)
    assert (exit.code, exit.at, exit.reason) == (0, 0.0, None)


@given(st.integers(0, 255))
def test_a_code_is_one_or_a_signal(code: int) -> None:
    number, killed_by = ends(code)
    assert (number is None) != (killed_by is None)
    assert code == (number if number is not None else 128 + (killed_by or 0))


@pytest.mark.parametrize(("text", "number"), [("15", 15), ("SIGTERM", 15), ("HUP", 1), ("", None), ("SIGNONE", None)])
def test_engines_tell_signals_in_two_ways(text: str, number: int | None) -> None:
    assert signal_number(text) == number


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)), st.integers(0, 999_999_999))
def test_moments(day: datetime, nanoseconds: int) -> None:
    text = f"{day:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"
    found = moment(text)
    assert found == pytest.approx(day.replace(microsecond=0, tzinfo=UTC).timestamp() + nanoseconds / 1e9, abs=1e-6)


def test_moments_in_all_spellings() -> None:
    assert moment("2026-01-31T12:00:00Z") == AT - 0.5
    assert moment("2026-01-31T14:00:00.5+02:00") == AT
    assert moment("2026-01-31T06:30:00.500000000-05:30") == AT
    assert moment("0001-01-01T00:00:00Z") is None
    assert moment("") is None
    assert moment("yesterday") is None
