"""The bakery as evidence: a storefront that calls orders, orders a steamer, the steamer a pantry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.cli.parser import parse
from sandbox.control import Cause, Diagnosis, Metric, ServiceStatus, Span, Status, Trace
from sandbox.diagnosis import EdgeNumbers, Evidence, diagnose
from sandbox.events import Event, Kind
from sandbox.model import TrafficPolicy
from tests.fakes import data

NOW = data.NOW
CHAIN = ("storefront", "orders", "steamer", "pantry")


def service(name: str, status: Status = Status.HEALTHY, reason: str | None = None, **more: Any) -> ServiceStatus:
    """Its instance has the same status and reason."""
    at = CHAIN.index(name)
    url = "http://storefront.localhost:8080/" if name == "storefront" else None
    one = replace(data.instance(f"{name}-v1-1", status=status), reason=reason)
    made = data.service(
        name, status=status, reason=reason, depends_on=CHAIN[at + 1 : at + 2], url=url, instances=(one,)
    )
    return replace(made, **more)


def edge(
    caller: str,
    callee: str,
    requests: float = 10.0,
    flags: dict[str, float] | None = None,
    codes: dict[str, float] | None = None,
    **rates: Any,
) -> EdgeNumbers:
    known = {Metric.ERRORS: 0.0, Metric.FAULTS: 0.0, Metric.P99: 20.0}
    values = {Metric.REQUESTS: requests, **known, **{Metric(name): rate for name, rate in rates.items()}}
    return EdgeNumbers(caller=caller, callee=callee, values=values, flags=flags or {}, codes=codes or {})


def quiet() -> tuple[EdgeNumbers, ...]:
    return tuple(edge(caller, callee) for caller, callee in zip(("gateway", *CHAIN[:-1]), CHAIN, strict=True))


def evidence(
    *changed: ServiceStatus | EdgeNumbers, policies: dict[str, TrafficPolicy] | None = None, **more: Any
) -> Evidence:
    """All is well, but for what is given."""
    services = {name: service(name) for name in CHAIN}
    edges = {(one.caller, one.callee): one for one in quiet()}
    for one in changed:
        if isinstance(one, EdgeNumbers):
            edges[one.caller, one.callee] = one
        else:
            services[one.name] = one
    status = data.project(*services.values())
    return Evidence(at=NOW, status=status, edges=tuple(edges.values()), policies=policies or {}, **more)


def why(target: str | None = "storefront", *changed: ServiceStatus | EdgeNumbers, **more: Any) -> Diagnosis:
    found = diagnose(evidence(*changed, **more), target)
    for cause in found.causes:
        if cause.command is not None and cause.command.startswith("sandbox "):
            parse(cause.command.split()[1:])  # UsageError for what nobody could type
    return found


def first(diagnosis: Diagnosis) -> Cause:
    return diagnosis.causes[0]


def event(kind: Kind, message: str, service: str | None = None, before: float = 5.0, **more: Any) -> Event:
    return Event(kind=kind, message=message, service=service, at=NOW - before, **more)


def span(id: str, parent: str | None, service: str, start: float, duration: float, **more: Any) -> Span:
    return Span(
        id=id, parent=parent, service=service, name="GET /", kind="server", start=NOW + start, duration=duration,
        **{"error": False, **more},
    )  # fmt: skip


def trace(*spans: Span) -> Trace:
    return Trace(id="4bf92f3577b34da6a3ce929d0e0e4736", spans=spans, complete=True)
