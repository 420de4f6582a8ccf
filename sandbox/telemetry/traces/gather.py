"""Spans by trace while they come in: late ones, out of order, twice, and under two names. Bounded, without I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from sandbox.telemetry.traces.decode import batches
from sandbox.telemetry.traces.spans import Batch, StoredSpan

MOST_SPANS = 2000
"""Of one trace; more are dropped and counted."""

_MOST_HELD, _MOST_TRACES, _MOST_JOINS = 15_000, 2000, 10_000

Spans = dict[tuple[str, int], StoredSpan]
Earlier = Callable[[Collection[str]], Mapping[str, Iterable[StoredSpan]]]
"""Traces by id; those that are not kept are missing."""


@dataclass(slots=True)
class Gathered:
    id: str
    spans: Spans = field(default_factory=dict)
    seen: float = 0.0  # when the newest of it came


class Gatherer:
    """Holds the newest traces. `earlier` fetches what was kept of one that is held no more; `changed` are those that
    have to be kept anew. too_many: spans beyond a trace's limit. twice: that were here already."""

    def __init__(self, earlier: Earlier) -> None:
        self._earlier = earlier
        self._held: OrderedDict[str, Gathered] = OrderedDict()
        self._spans = 0
        self._changed: dict[str, Gathered] = {}
        self._gone: set[str] = set()
        self._joins: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self.too_many = 0
        self.twice = 0

    def take(self, spans: Batch, joins: dict[str, tuple[str, str]], now: float) -> None:
        for trace, other in joins.items():
            self._join(trace, other, now)
        came = [self._joined(trace, more) for trace, more in batches(spans)]
        earlier = self._earlier({trace for trace, _ in came if trace not in self._held})
        for trace, more in came:
            self._add(trace, more, earlier.get(trace, ()), now)
        self._forget()

    def changes(self) -> tuple[list[Gathered], set[str]]:
        """What to keep anew, and the ids that there are no more; each is told once."""
        changed, gone = list(self._changed.values()), self._gone
        self._changed, self._gone = {}, set()
        return changed, gone

    def held(self, trace: str) -> Gathered | None:
        return self._held.get(trace)

    def _join(self, trace: str, other: tuple[str, str], now: float) -> None:
        """From now on, and for what is here already."""
        self._joins[trace] = other
        while len(self._joins) > _MOST_JOINS:
            self._joins.popitem(last=False)
        if before := self._held.pop(trace, None):
            self._spans -= len(before.spans)
            self._changed.pop(trace, None)
            self._gone.add(trace)
            above, spans = self._joined(trace, list(before.spans.values()))
            earlier = self._earlier([above]) if above not in self._held else {}
            self._add(above, spans, earlier.get(above, ()), now)

    def _add(self, trace: str, spans: list[StoredSpan], earlier: Iterable[StoredSpan], now: float) -> None:
        one = self._held.get(trace)
        if one is None:
            one = self._held[trace] = Gathered(trace, {span.key: span for span in earlier})
            self._spans += len(one.spans)
        self._held.move_to_end(trace)
        before = len(one.spans)
        for span in spans:
            self._put(one, span)
        self._spans += len(one.spans) - before
        one.seen = now
        self._changed[trace] = one
        self._gone.discard(trace)

    def _put(self, one: Gathered, span: StoredSpan) -> None:
        if span.key in one.spans:
            self.twice += 1
            if one.spans[span.key].record and not span.record:
                one.spans[span.key] = span  # the span itself says more
        elif len(one.spans) >= MOST_SPANS:
            self.too_many += 1
        else:
            one.spans[span.key] = span

    def _joined(self, trace: str, spans: list[StoredSpan]) -> tuple[str, list[StoredSpan]]:
        other = self._joins.get(trace)
        if other is None or other[0] == trace:
            return trace, spans
        above = other[1]
        return other[0], [span if span.parent else msgspec.structs.replace(span, parent=above) for span in spans]

    def _forget(self) -> None:
        """The longest quiet ones, once they are kept."""
        while self._spans > _MOST_HELD or len(self._held) > _MOST_TRACES:
            trace, one = next(iter(self._held.items()))
            if trace in self._changed:
                break
            del self._held[trace]
            self._spans -= len(one.spans)
