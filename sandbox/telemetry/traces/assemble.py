"""Spans of one trace -> the trace as it is looked at. Pure.

- An attempt of the proxy's that is the only one of its hop becomes part of the hop; where there were several, each
  stays, and what lies below an attempt stays below it.
- A record (of a request that was not drawn) does not know its parent: it is put below the hop that led to its caller.
- A span whose parent never came is an orphan, unless a caller outside began the trace.
- One that begins before its parent, or ends after it, and comes from another service, has another clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from sandbox.control.traces import Span, Trace
from sandbox.telemetry.traces.spans import CLIENT, KINDS, SERVER, StoredSpan

SKEW = 0.002
"""Seconds by which clocks of one machine may seem to differ: Envoy rounds to a millisecond."""

AFTERWARDS = 0.02
"""Seconds that a service may go on when its answer has left."""

Tell = Callable[[StoredSpan, tuple[StoredSpan, ...]], str]
"""A hop and its attempts, in their order -> what the mesh did, in plain words."""


def assemble(trace: str, spans: Iterable[StoredSpan], tell: Tell, *, complete: bool) -> Trace:
    by_id = _by_id(spans)
    hops = {span.id: span for span in by_id.values() if span.proxy and span.kind == SERVER}
    attempts = _attempts(by_id.values(), hops)
    folded = {only[0].id: hop for hop, only in attempts.items() if len(only) == 1}
    shown = {id: span for id, span in by_id.items() if id not in folded}
    parents = {id: _parent(span, by_id, hops, folded) for id, span in shown.items()}
    _break_circles(parents)
    out: list[Span] = []
    for span in _in_order(shown, parents):
        above = shown.get(parents[span.id] or "")
        out.append(_shown(span, above, attempts.get(span.id, ()), tell))
    return Trace(id=trace, spans=tuple(out), complete=complete)


def _by_id(spans: Iterable[StoredSpan]) -> dict[str, StoredSpan]:
    """Of a client and a server with one id, the server: what is below is below it. Of a record and the span itself,
    the span."""
    found: dict[str, StoredSpan] = {}
    for span in spans:
        other = found.get(span.id)
        if other is None or (other.record, other.kind != SERVER) > (span.record, span.kind != SERVER):
            found[span.id] = span
    return found


def _attempts(spans: Iterable[StoredSpan], hops: dict[str, StoredSpan]) -> dict[str, tuple[StoredSpan, ...]]:
    """By hop."""
    found: dict[str, list[StoredSpan]] = defaultdict(list)
    for span in spans:
        if span.proxy and span.kind == CLIENT and span.parent in hops:
            found[span.parent].append(span)
    return {hop: tuple(sorted(some, key=lambda one: (one.start, one.id))) for hop, some in found.items()}


def _parent(
    span: StoredSpan, by_id: dict[str, StoredSpan], hops: dict[str, StoredSpan], folded: dict[str, str]
) -> str | None:
    """None where there is none, or it never came."""
    if span.record and not span.parent:
        return _led_to(span, hops.values())
    above = folded.get(span.parent, span.parent)
    return above if above in by_id and above != span.id else None


def _led_to(record: StoredSpan, hops: Iterable[StoredSpan]) -> str | None:
    caller = record.attributes.get("caller")
    around = [
        hop
        for hop in hops
        if hop.id != record.id
        and hop.service == caller
        and hop.start <= record.start + SKEW
        and record.end <= hop.end + SKEW
    ]
    return min(around, key=lambda hop: (hop.duration, hop.id)).id if around else None


def _break_circles(parents: dict[str, str | None]) -> None:
    """Data of others may claim anything."""
    for start in sorted(parents):
        seen = {start}
        at = parents[start]
        while at is not None:
            if at in seen:
                parents[start] = None
                break
            seen.add(at)
            at = parents[at]


def _in_order(shown: dict[str, StoredSpan], parents: dict[str, str | None]) -> list[StoredSpan]:
    """Parents before children, children by their start."""
    below: dict[str | None, list[StoredSpan]] = defaultdict(list)
    for span in sorted(shown.values(), key=lambda one: (one.start, -one.duration, one.id), reverse=True):
        below[parents[span.id]].append(span)
    out: list[StoredSpan] = []
    todo = list(below[None])
    while todo:
        span = todo.pop()
        out.append(span)
        todo.extend(below.get(span.id, ()))
    return out


def _shown(span: StoredSpan, above: StoredSpan | None, attempts: tuple[StoredSpan, ...], tell: Tell) -> Span:
    hop = span.proxy and span.kind == SERVER
    return Span(
        id=span.id,
        parent=above.id if above else None,
        service=span.service,
        name=span.name,
        kind=KINDS[span.kind],
        start=span.start,
        duration=span.duration,
        error=span.error,
        attributes={**(attempts[0].attributes if len(attempts) == 1 else {}), **span.attributes},
        events=tuple(span.events),
        from_proxy=span.proxy,
        orphan=above is None and _is_orphan(span),
        skewed=above is not None and _is_skewed(span, above),
        story=tell(span, attempts) if hop else "",
    )


def _is_orphan(span: StoredSpan) -> bool:
    """Whoever calls through the gateway may have begun the trace, and tells us nothing of it."""
    from_outside = span.proxy and span.attributes.get("caller") == "gateway"
    return (bool(span.parent) or span.record) and not from_outside


def _is_skewed(span: StoredSpan, above: StoredSpan) -> bool:
    if span.service == above.service and span.proxy == above.proxy:
        return False
    return span.start < above.start - SKEW or span.end > above.end + AFTERWARDS
