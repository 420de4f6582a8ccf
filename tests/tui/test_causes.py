"""What the screens say of causes."""

from __future__ import annotations

import pytest

from sandbox.control import Cause, Confidence, Diagnosis, Origin, Revision
from sandbox.tui.causes import diagnosis_lines

FAULT_ENDED = Revision(
    number=3, at=0.0, origin=Origin.CLI, why="", summary="pantry: no policy any more", services=("pantry",)
)


def a_diagnosis(kind: str, service: str = "pantry") -> Diagnosis:
    cause = Cause(
        kind=kind, service=service, message="it is so", facts=(), command=None, confidence=Confidence.CERTAIN, at=None
    )
    return Diagnosis(target=service, healthy=False, summary="it is so", path=(service,), causes=(cause,))


@pytest.mark.parametrize(
    ("kind", "service", "offered"),
    [
        ("fault_injected", "pantry", True),
        ("own_errors", "pantry", True),  # a version that got more requests may be the worse one
        ("fault_injected", "mill", False),
        ("upstream_down", "pantry", False),
        ("fault_over", "pantry", False),  # it would be there again
    ],
)
def test_undo_is_offered_for_what_traffic_can_bring_about(kind: str, service: str, offered: bool) -> None:
    said = [text for text, _ in diagnosis_lines(a_diagnosis(kind, service), FAULT_ENDED)]

    assert any("u undoes revision 3" in text for text in said) is offered
