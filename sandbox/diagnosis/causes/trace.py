"""What one trace tells about its own request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.control import Cause, Confidence, Span, Trace
from sandbox.diagnosis.words import percent, seconds
from sandbox.model.flags import flag_words

FLAGS = ("response_flags", "envoy.response_flags")
STATUS = ("http.status_code", "http.response.status_code")
NO_FLAGS = ("", "-")

SLOW = 0.2  # seconds
MOST_OF_IT = 0.5


def failure(trace: Trace) -> Cause | None:
    """The innermost span that failed, by the proxy's word where it has one."""
    failed = [span for span in trace.spans if span.error or _flag(span)]
    parents = {span.parent for span in failed}
    innermost = [span for span in failed if span.id not in parents]
    if not innermost:
        return None
    span = next((one for one in innermost if _flag(one)), max(innermost, key=lambda one: one.start))
    began = max(0.0, span.start - trace.spans[0].start)
    return Cause(
        kind="trace_failed",
        service=span.service or None,
        message=f"{_who(span)} failed at {span.name}: {_words(span)}",
        facts=(
            f"{seconds(began)} after the request began; it took {seconds(span.duration)}",
            *([span.story] if span.story else []),
            *(what for _, what in span.events[:3]),
        ),
        command=f"sandbox logs {span.service} --trace {trace.id}" if span.service else f"sandbox trace {trace.id[:12]}",
        confidence=Confidence.CERTAIN,
        at=span.start,
    )


def _who(span: Span) -> str:
    """What leads to no service of the project is told by its host."""
    return span.service or span.attributes.get("http.host") or "the gateway"


def _flag(span: Span) -> str:
    found = _attribute(span, FLAGS)
    return "" if found in NO_FLAGS else found


def _words(span: Span) -> str:
    if flag := _flag(span):
        return " and ".join(flag_words(one) for one in flag.split(","))
    status = _attribute(span, STATUS)
    return f"it answered {status}" if status else "it ended with an error"


def _attribute(span: Span, names: Sequence[str]) -> str:
    return next((span.attributes[name] for name in names if name in span.attributes), "")


def slowest(trace: Trace) -> Cause | None:
    """The span that spent most of the time on its own."""
    if not trace.spans or (whole := trace.spans[0].duration) < SLOW:
        return None
    own = own_times(trace)
    span = max(trace.spans, key=lambda one: own[one.id])
    if own[span.id] < MOST_OF_IT * whole:
        return None
    return Cause(
        kind="slow_hop",
        service=span.service or None,
        message=f"{_who(span)} took most of the time: {seconds(own[span.id])} of {seconds(whole)} at {span.name}",
        facts=(f"{percent(own[span.id] / whole)} of the request, without what it waited for",),
        command=f"sandbox trace {trace.id[:12]}",
        confidence=Confidence.CERTAIN,
        at=span.start,
    )


def own_times(trace: Trace) -> Mapping[str, float]:
    """Seconds that each span lasted while none of its children did."""
    children: dict[str, list[Span]] = {}
    for span in trace.spans:
        if span.parent is not None:
            children.setdefault(span.parent, []).append(span)
    return {span.id: max(0.0, span.duration - _covered(span, children.get(span.id, []))) for span in trace.spans}


def _covered(span: Span, children: Sequence[Span]) -> float:
    end, covered = span.start, 0.0
    for child in sorted(children, key=lambda one: one.start):
        begins = max(child.start, end)
        ends = min(child.start + child.duration, span.start + span.duration)
        covered += max(0.0, ends - begins)
        end = max(end, ends)
    return covered
