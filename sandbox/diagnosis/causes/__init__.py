"""The kinds of causes. Each function looks at one service, or at one edge, and names what it can show by facts.

The first function of `OF_SERVICES` that finds something for a service speaks for it: the special ones stand before
the general ones. All of `OF_EDGES` speak, each for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sandbox.control import Cause, ServiceStatus
from sandbox.diagnosis.causes.crash import crash, out_of_memory
from sandbox.diagnosis.causes.denied import denied
from sandbox.diagnosis.causes.down import build_failed, other_trouble, stopped, unhealthy, waiting, was_stopped
from sandbox.diagnosis.causes.faults import fault_injected
from sandbox.diagnosis.causes.flags import broken_connections, no_answer
from sandbox.diagnosis.causes.limits import circuit_open, rate_limited
from sandbox.diagnosis.causes.listening import listens_elsewhere
from sandbox.diagnosis.causes.own import own_errors
from sandbox.diagnosis.causes.retries import retries_amplify, retries_exhaust_deadline
from sandbox.diagnosis.causes.routes import passed_over, route_to_nothing
from sandbox.diagnosis.causes.saves import bad_save
from sandbox.diagnosis.causes.timeouts import timeout_short
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence

OfService = Callable[[Evidence, ServiceStatus], Cause | None]
OfEdge = Callable[[Evidence, EdgeNumbers], Cause | None]

OF_SERVICES: tuple[OfService, ...] = (
    bad_save,
    stopped,
    build_failed,
    waiting,  # before those that look for words in reasons: its reason has those of what it waits for
    listens_elsewhere,
    out_of_memory,
    crash,
    unhealthy,
    other_trouble,
    was_stopped,
)
OF_EDGES: tuple[OfEdge, ...] = (
    fault_injected,
    denied,
    rate_limited,
    circuit_open,
    retries_exhaust_deadline,
    timeout_short,
    broken_connections,
    no_answer,
    retries_amplify,
    own_errors,
)
OF_POLICIES: tuple[OfService, ...] = (route_to_nothing, passed_over)


def of_service(evidence: Evidence, service: ServiceStatus) -> Iterator[Cause]:
    found = next((cause for look in OF_SERVICES if (cause := look(evidence, service))), None)
    if found is not None:
        yield found
    for look in OF_POLICIES:
        if cause := look(evidence, service):
            yield cause


def of_edge(evidence: Evidence, edge: EdgeNumbers) -> Iterator[Cause]:
    for look in OF_EDGES:
        if cause := look(evidence, edge):
            yield cause


__all__ = ["OF_EDGES", "OF_POLICIES", "OF_SERVICES", "of_edge", "of_service"]
