"""What is wrong now, and silences."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from sandbox.cli.main import main
from sandbox.control import Alert, AlertState
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]

FIRING = Alert(
    rule="error_ratio",
    subject="pantry",
    state=AlertState.FIRING,
    severity="warning",
    message="20 % of the requests to pantry fail",
    since=0.0,
    evidence=("from mill: 2/s of 10/s fail",),
)


def test_each_with_its_evidence(bakery: FakeControl, capsys: Output) -> None:
    now = time.time()
    quiet = replace(FIRING, rule="slow", message="pantry is slow", silenced_until=now + 3601.5, evidence=())
    bakery.alerts.standing = (replace(FIRING, since=now - 65.5), replace(quiet, since=now - 5.5))

    assert main(["alerts"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "firing warning  20 % of the requests to pantry fail  (error_ratio, for 1m 5s)",
        "    from mill: 2/s of 10/s fail",
        "firing warning  pantry is slow  (slow, for 5s, silent for 1h)",
    ]


def test_none(bakery: FakeControl, capsys: Output) -> None:
    assert main(["alerts"]) == 0
    assert capsys.readouterr().out == "no alerts\n"


def test_for_scripts(bakery: FakeControl, capsys: Output) -> None:
    bakery.alerts.standing = (FIRING,)

    assert main(["alerts", "-o", "json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert (found["rule"], found["state"], found["since"]) == ("error_ratio", "firing", "1970-01-01T00:00:00.000Z")


def test_silence(bakery: FakeControl, capsys: Output) -> None:
    assert main(["alerts", "--silence", "slow", "--subject", "pantry", "--for", "30m"]) == 0
    assert main(["alerts", "--silence", "slow", "--for", "0"]) == 0

    assert bakery.alerts.calls == [("silence", "slow", "pantry", 1800.0), ("silence", "slow", None, 0.0)]
    assert capsys.readouterr().out.splitlines() == ["slow of pantry is silent for 30m", "slow is told again"]


def test_a_subject_alone_means_nothing(bakery: FakeControl, capsys: Output) -> None:
    assert main(["alerts", "--subject", "pantry"]) == 2
    assert "--subject goes with --silence" in capsys.readouterr().err
