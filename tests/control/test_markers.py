"""Events on a chart."""

from __future__ import annotations

from sandbox.control import Marker, markers
from sandbox.events import Event, Kind, Severity

NOW = 1_767_225_600.0


def event(kind: Kind, after: float, service: str | None = None, severity: Severity = Severity.INFO) -> Event:
    return Event(kind=kind, message=f"{kind} at {after:g}", service=service, at=NOW + after, severity=severity)


def marks(*events: Event, service: str | None = None, together: float = 0.0) -> list[tuple[float, str, int]]:
    found = markers(events, since=NOW, until=NOW + 100, service=service, together=together)
    return [(one.at - NOW, one.sort, one.count) for one in found]


SAVE = event(Kind.SERVICE_RELOADED, 10, "orders")
FAULT = event(Kind.FAULT_INJECTED, 20, "pantry", Severity.WARNING)
POLICY = event(Kind.POLICY_APPLIED, 21)


def test_what_matters_in_the_order_of_time() -> None:
    assert marks(POLICY, FAULT, SAVE, event(Kind.INSTANCE_STARTING, 5, "orders")) == [
        (10, "save", 1),
        (20, "fault", 1),
        (21, "policy", 1),
    ]


def test_of_the_stretch_that_is_shown() -> None:
    assert marks(event(Kind.PROXY_EXITED, -1), event(Kind.PROXY_EXITED, 101), SAVE) == [(10, "save", 1)]


def test_a_service_has_its_own_and_those_of_all() -> None:
    assert marks(SAVE, FAULT, POLICY, service="orders") == [(10, "save", 1), (21, "policy", 1)]


def test_what_falls_into_one_column_is_one_mark_and_tells_the_worst() -> None:
    failed = event(Kind.INSTANCE_FAILED, 30, "orders", Severity.ERROR)
    ended = event(Kind.INSTANCE_BACKOFF, 29, "mill", Severity.WARNING)
    [one] = markers([failed, ended], since=NOW, until=NOW + 100, together=5)

    assert one == Marker(
        at=NOW + 29,
        sort="failure",
        label="instance_failed at 30",
        severity=Severity.ERROR,
        services=("mill", "orders"),
        count=2,
    )
    assert len(marks(failed, ended, together=1)) == 2
