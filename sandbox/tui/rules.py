"""The rules of a service, in words and as they are written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox.control import Document, Finding, Revision, TrafficState
from sandbox.tui.grid import Cell, Column, Row
from sandbox.tui.words import NONE, Tone, clock
from sandbox.wording import counted

POLICIES = (
    Column("service", "SERVICE", "SERVICE", False, 20, 10),
    Column("weights", "WEIGHTS", "WEIGHTS", False, 19, 12),
    Column("fault", "FAULT", "FAULT", False, 18, 6),
    Column("timeout", "TIMEOUT", "TIMEOUT", False, 15, 7),
    Column("retry", "RETRY", "RETRY", False, 14, 6),
    Column("limit", "LIMIT", "LIMIT", False, 13, 6),
    Column("mirror", "MIRROR", "MIRROR", False, 12, 6),
    Column("drift", "THE FILE", "FILE", False, 16, 6),
)
REVISIONS = (
    Column("number", "REV", "REV", True, 20, 4),
    Column("time", "TIME", "TIME", False, 19, 8),
    Column("origin", "BY", "BY", False, 15, 5),
    Column("summary", "WHAT CHANGED", "WHAT CHANGED", False, 18, 20, fills=True),
    Column("why", "WHY", "WHY", False, 10, 4),
)


def as_written(service: str, document: Document) -> str:
    """As it stands in sandbox.yaml."""
    if not document:
        return f"no rules for {service}: all its versions alike, no fault, no limit"
    import yaml  # half of the time that the first screen takes beyond Textual's own

    text: str = yaml.safe_dump({"traffic": {service: _plain(document)}}, sort_keys=False, allow_unicode=True)
    return text.rstrip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def default_rule(document: Document) -> Mapping[str, Any]:
    """The rule of all requests that no other fits: the last one without conditions."""
    rules: Sequence[Mapping[str, Any]] = document.get("rules") or ()
    return next((rule for rule in reversed(rules) if not rule.get("matches")), {})


def weights(document: Document, versions: Sequence[str]) -> dict[str, int]:
    """Percentages of the default rule, of every version; alike where it says nothing. They add up to 100."""
    backends = default_rule(document).get("backendRefs") or ()
    raw = dict.fromkeys(versions, 0.0)
    for backend in backends:
        if backend.get("version") in raw:
            raw[backend["version"]] += float(backend.get("weight", 1))
    if not any(raw.values()):
        raw = dict.fromkeys(versions, 1.0)
    return rounded(raw)


def rounded(raw: Mapping[str, float]) -> dict[str, int]:
    """Whole percentages that add up to 100: the largest remainders are rounded up (Hamilton's method)."""
    total = sum(raw.values())
    if total <= 0:
        return dict.fromkeys(raw, 0)
    exact = {name: value / total * 100 for name, value in raw.items()}
    found = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in by_remainder[: 100 - sum(found.values())]:
        found[name] += 1
    return found


# --- tables -------------------------------------------------------------------------------------------------------


def policy_rows(state: TrafficState, services: Iterable[str]) -> tuple[Row, ...]:
    """Every service, those with a fault and those that are not as in the file first."""
    rows = [_policy_row(name, state) for name in services]
    return tuple(sorted(rows, key=lambda row: (row.cells["fault"].text == NONE, row.cells["drift"].tone is Tone.OFF)))


def _policy_row(name: str, state: TrafficState) -> Row:
    document = state.policies.get(name, {})
    versions = state.versions.get(name, ())
    rule = default_rule(document)
    split = ", ".join(f"{version} {part}%" for version, part in weights(document, versions).items())
    more = len(document.get("rules") or ()) - bool(rule)
    drifts = name in state.drift
    cells = {
        "service": Cell(name),
        "weights": Cell((split if len(versions) > 1 else NONE) + (f" +{counted(more, 'rule')}" if more > 0 else "")),
        "fault": _cell(fault_words(first(document, "fault")), Tone.BAD),
        "timeout": _cell(timeout_words(first(document, "timeouts"))),
        "retry": _cell(retry_words(first(document, "retry"))),
        "limit": _cell(limit_words(document.get("rateLimit") or first(document, "rateLimit"), document)),
        "mirror": _cell(mirror_words(mirror_of(document))),
        "drift": Cell("differs", Tone.BUSY) if drifts else Cell("same", Tone.OFF),
    }
    return Row(name, cells)


def _cell(text: str, tone: Tone = Tone.PLAIN) -> Cell:
    return Cell(text, tone) if text else Cell(NONE, Tone.OFF)


def first(document: Document, key: str) -> Any:
    """Of the default rule, else of the first rule that has it."""
    rules: Sequence[Mapping[str, Any]] = document.get("rules") or ()
    return default_rule(document).get(key) or next((rule[key] for rule in rules if rule.get(key)), None)


def fault_words(fault: Mapping[str, Any] | None) -> str:
    if not fault:
        return ""
    parts = []
    if abort := fault.get("abort"):
        what = abort.get("httpStatus") or abort.get("grpcStatus") or "reset"
        parts.append(f"{what} {_percentage(abort)}")
    if delay := fault.get("delay"):
        parts.append(f"+{delay.get('fixedDelay', '?')} {_percentage(delay)}")
    return ", ".join(parts)


def _percentage(part: Mapping[str, Any]) -> str:
    value = part.get("percentage", 100)
    if isinstance(value, Mapping):
        value = value.get("value", 100)
    return f"{value:g}%" if isinstance(value, (int, float)) else f"{value}"


def timeout_words(timeouts: Mapping[str, Any] | None) -> str:
    return ", ".join(
        f"{'per try ' if key == 'backendRequest' else ''}{value}" for key, value in (timeouts or {}).items()
    )


def retry_words(retry: Mapping[str, Any] | None) -> str:
    if not retry:
        return ""
    codes = ",".join(str(code) for code in retry.get("codes") or ())
    return f"{retry.get('attempts', 1)}×{f' on {codes}' if codes else ''}"


def limit_words(limit: Mapping[str, Any] | None, document: Document) -> str:
    parts = [f"{limit.get('requests', '?')} per {limit.get('per', '1s')}"] if limit else []
    parts += [f"{document['concurrency']} at a time"] if document.get("concurrency") else []
    return ", ".join(parts)


def mirror_of(document: Document) -> Mapping[str, Any]:
    """{version, percent} of the default rule's first mirror; empty where there is none."""
    for one in default_rule(document).get("filters") or ():
        if mirror := one.get("requestMirror"):
            return {"version": mirror.get("backendRef", {}).get("version"), "percent": mirror.get("percent", 100)}
    return {}


def mirror_words(mirror: Mapping[str, Any]) -> str:
    return f"{mirror['version']} {mirror['percent']:g}%" if mirror else ""


def revision_rows(revisions: Iterable[Revision], current: int) -> tuple[Row, ...]:
    return tuple(_revision_row(revision, revision.number == current) for revision in revisions)


def _revision_row(revision: Revision, current: bool) -> Row:
    tone = Tone.STRONG if current else Tone.PLAIN
    cells = {
        "number": Cell(f"{'●' if current else ''}{revision.number}", tone),
        "time": Cell(clock(revision.at), Tone.OFF),
        "origin": Cell(revision.origin),
        "summary": Cell(revision.summary, tone),
        "why": Cell(revision.why or NONE, Tone.OFF),
    }
    return Row(str(revision.number), cells)


# --- differences --------------------------------------------------------------------------------------------------


def diff_lines(diff: str) -> list[tuple[str, Tone]]:
    tones = {"+": Tone.GOOD, "-": Tone.BAD, "@": Tone.OFF}
    shown = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    return [(line, tones.get(line[:1], Tone.PLAIN)) for line in shown]


def finding_lines(findings: Iterable[Finding]) -> list[tuple[str, Tone]]:
    signs = {"error": ("✗", Tone.BAD), "warning": ("▲", Tone.BUSY)}
    found = []
    for one in findings:
        symbol, tone = signs.get(one.severity, ("·", Tone.PLAIN))
        found.append((f"{symbol} {one.place}: {one.message}{f' → {one.hint}' if one.hint else ''}", tone))
    return found
