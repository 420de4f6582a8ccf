"""Faults: which share of a rule's requests is slowed down, answered wrongly or broken off. Pure.

Delays and wrong answers are made behind the caller's own routes, as if the service made them: time limits and retries
hold for them, and they count as its latencies and errors.
"""

from __future__ import annotations

from envoy.config.core.v3.base_pb2 import DataSource, RuntimeFractionalPercent
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.route.v3.route_components_pb2 import Route, RouteAction, RouteMatch
from envoy.extensions.filters.common.fault.v3.fault_pb2 import FaultDelay
from envoy.extensions.filters.http.fault.v3.fault_pb2 import FaultAbort, HTTPFault
from envoy.extensions.filters.network.direct_response.v3.config_pb2 import Config as DirectBytes

from sandbox.model import Abort, Fault
from sandbox.proxy.names import broken_name
from sandbox.proxy.resource import pack
from sandbox.proxy.target import Target
from sandbox.proxy.values import duration, share

FILTER = "envoy.filters.http.fault"


def injected(fault: Fault | None) -> HTTPFault | None:
    """What the filter does; None when it has nothing to do."""
    if fault is None:
        return None
    made = HTTPFault()
    if fault.delay is not None and fault.delay.fixed > 0:
        made.delay.CopyFrom(
            FaultDelay(fixed_delay=duration(fault.delay.fixed), percentage=share(fault.delay.percentage))
        )
    if fault.abort is not None and not fault.abort.reset:
        made.abort.CopyFrom(_abort(fault.abort))
    return made if made.HasField("delay") or made.HasField("abort") else None


def breaks_off(fault: Fault | None) -> bool:
    return fault is not None and fault.abort is not None and fault.abort.reset


def breaking_route(fault: Fault, match: RouteMatch, target: Target, name: str) -> Route:
    """For the share of the requests whose connection is to break off."""
    assert fault.abort is not None
    chosen = RouteMatch()
    chosen.CopyFrom(match)
    chosen.runtime_fraction.CopyFrom(RuntimeFractionalPercent(default_value=share(fault.abort.percentage)))
    cluster = broken_name(target.caller, target.callee.service.name, target.port)
    return Route(name=name, match=chosen, route=RouteAction(cluster=cluster, timeout=duration(0)))


def breaking_filter() -> Filter:
    """Begins an answer and hangs up: only then does Envoy break off the caller's connection too. Before the head of an
    answer it would answer itself, and so would it if another filter failed. A bad status, so that nobody takes what
    there is for success."""
    head = DataSource(inline_string="HTTP/1.1 502 Bad Gateway\r\ncontent-length: 1\r\n\r\n")
    return Filter(name="envoy.filters.network.direct_response", typed_config=pack(DirectBytes(response=head)))


def _abort(abort: Abort) -> FaultAbort:
    made = FaultAbort(percentage=share(abort.percentage))
    if abort.grpc_status is not None:
        made.grpc_status = abort.grpc_status
    else:
        made.http_status = abort.http_status or 503
    return made
