"""Why something is wrong, as a person and as a script reads it."""

from __future__ import annotations

import json

import pytest

from sandbox.cli.main import main
from sandbox.cli.style import Style
from sandbox.cli.why import as_lines
from sandbox.control import Cause, Confidence, Diagnosis
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


def cause(kind: str, message: str, confidence: Confidence = Confidence.CERTAIN, command: str | None = None) -> Cause:
    return Cause(
        kind=kind, service="pantry", message=message, facts=("a fact",), command=command, confidence=confidence
    )


DOWN = cause("upstream_down", "pantry does not run: stopped by hand", command="sandbox start pantry")
ILL = Diagnosis(
    target="storefront",
    healthy=False,
    summary="pantry does not run: stopped by hand (storefront → pantry)",
    causes=(DOWN, cause("slow_hop", "the mill is the slow hop", Confidence.LIKELY)),
    path=("storefront", "pantry"),
    looked_at=("the status of 6 services", "numbers of 5 edges"),
)


def test_the_deepest_cause_its_facts_and_the_next_command(bakery: FakeControl, capsys: Output) -> None:
    bakery.diagnosis.known["storefront"] = ILL

    assert main(["why", "storefront"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "✗ pantry does not run: stopped by hand",
        "  storefront → pantry",
        "  · a fact",
        "  next: sandbox start pantry",
        "",
        "also:",
        "  · likely: the mill is the slow hop",
        "",
        "looked at: the status of 6 services; numbers of 5 edges",
    ]


def test_nothing_is_wrong(bakery: FakeControl, capsys: Output) -> None:
    assert main(["why"]) == 0
    assert capsys.readouterr().out == "✓ nothing is wrong\n"


def test_for_scripts(bakery: FakeControl, capsys: Output) -> None:
    bakery.diagnosis.known["storefront"] = ILL

    assert main(["why", "storefront", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in found["causes"]] == ["upstream_down", "slow_hop"]
    assert found["causes"][1]["confidence"] == "likely"


def test_what_is_not_known_has_a_mark_of_its_own() -> None:
    unknown = cause("unknown", "5 % of the requests fail; why is not known", Confidence.UNKNOWN)
    found = Diagnosis(target="x", healthy=False, summary="s", causes=(unknown,))

    assert next(as_lines(found, Style(False))) == "? 5 % of the requests fail; why is not known"


def test_many_causes_are_counted_and_lines_fit_a_narrow_terminal() -> None:
    found = Diagnosis(target="x", healthy=False, summary="s", causes=(DOWN,) + (cause("a", "word " * 40),) * 8)
    lines = list(as_lines(found, Style(False), 80))

    assert lines[-1] == "  and 3 more (-o json has all)"
    assert max(map(len, lines)) <= 80
