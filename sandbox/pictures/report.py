"""Everything about the last minutes in one HTML file that needs nothing else: for a ticket, or for after a workshop.

Pure: `Gathered` in, HTML out. What a service or a person wrote is text in it, never markup.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources

from sandbox.control import Alert, Diagnosis, Graph, ProjectStatus, Revision, TraceSummary
from sandbox.events import Event
from sandbox.pictures.scales import said

_MOST_EVENTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """charts: SVGs by service. diffs: of revisions, by number. missing: what could not be had, in sentences."""

    at: float  # seconds since the epoch
    seconds: float  # that it looks back
    version: str  # of sandbox
    status: ProjectStatus
    graph: Graph | None = None
    graph_picture: str = ""  # SVG
    charts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    slowest: Sequence[TraceSummary] = ()
    failed: Sequence[TraceSummary] = ()
    alerts: Sequence[Alert] = ()
    diagnosis: Diagnosis | None = None
    revisions: Sequence[Revision] = ()
    diffs: Mapping[int, str] = field(default_factory=dict)
    events: Sequence[Event] = ()
    missing: Sequence[str] = ()


def report(found: Gathered) -> str:
    status = found.status
    title = f"{status.project}, {_moment(found.at)}"
    body = "".join(
        (
            f"<header><h1>{escape(status.project)}</h1><p>{escape(_subtitle(found))}</p></header>",
            *_missing(found),
            *_diagnosis(found.diagnosis),
            _section("Services", _services(status)),
            _section("Who calls whom", found.graph_picture),
            *_edges(found.graph),
            _section("Alerts", _alerts(found.alerts)),
            *(_section(name, _charts(charts), level=3) for name, charts in found.charts.items() if charts),
            _section("Failed requests", _traces(found.failed)),
            _section("Slowest requests", _traces(found.slowest)),
            _section("Traffic policy", _revisions(found.revisions, found.diffs)),
            _section("What happened", _events(found.events)),
            f"<footer>sandbox {escape(found.version)}</footer>",
        )
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_css()}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _css() -> str:
    folder = resources.files("sandbox.pictures")
    return "".join((folder / name).read_text(encoding="utf-8") for name in ("report.css", "pictures.css"))


def _subtitle(found: Gathered) -> str:
    status = found.status
    proxy = f"Envoy {status.proxy.version}" if status.proxy.version else "no proxy"
    minutes = f"{found.seconds / 60:.0f} minutes"
    return f"the {minutes} before {_moment(found.at)} · {status.runtime} runtime · {proxy}"


def _section(title: str, content: str, level: int = 2) -> str:
    return f"<section><h{level}>{escape(title)}</h{level}>{content}</section>" if content else ""


def _missing(found: Gathered) -> Iterator[str]:
    if found.missing:
        yield f'<ul class="missing">{"".join(f"<li>{escape(text)}</li>" for text in found.missing)}</ul>'


def _diagnosis(diagnosis: Diagnosis | None) -> Iterator[str]:
    if diagnosis is None:
        return
    facts = "".join(
        f"<li><b>{escape(cause.message)}</b>{_list(cause.facts)}"
        + (f"<p>next: <code>{escape(cause.command)}</code></p>" if cause.command else "")
        + "</li>"
        for cause in diagnosis.causes
    )
    yield _section("Why", f"<p>{escape(diagnosis.summary)}</p>" + (f"<ul>{facts}</ul>" if facts else ""))


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _services(status: ProjectStatus) -> str:
    rows = [
        (
            service.name,
            f"{service.status}{f': {service.reason}' if service.reason else ''}",
            ", ".join(service.versions),
            f"{service.ready}/{service.replicas}",
            ", ".join(service.ports),
            ", ".join(service.depends_on),
        )
        for service in status.services
    ]
    return _table(("service", "status", "versions", "ready", "ports", "calls"), rows)


def _edges(graph: Graph | None) -> Iterator[str]:
    if graph is None:
        return
    rows = [
        (
            f"{edge.caller} → {edge.callee}{'' if edge.declared else ' (not declared)'}",
            said(edge.requests_per_second, "/s"),
            said(100 * edge.error_ratio, "%"),
            said(edge.p50, "ms"),
            said(edge.p99, "ms"),
        )
        for edge in graph.edges
    ]
    if rows:
        yield _table(("edge", "requests", "failed", "p50", "p99"), rows)


def _alerts(alerts: Sequence[Alert]) -> str:
    rows = [(alert.state, alert.severity, alert.subject, alert.message, _clock(alert.since)) for alert in alerts]
    return _table(("state", "severity", "about", "what", "since"), rows)


def _charts(charts: Sequence[str]) -> str:
    return f'<div class="charts">{"".join(charts)}</div>'


def _traces(traces: Sequence[TraceSummary]) -> str:
    rows = [
        (
            _clock(trace.start),
            trace.root,
            str(trace.status or ""),
            said(1000 * trace.duration, "ms"),
            ", ".join(trace.services),
            trace.id,
        )
        for trace in traces
    ]
    return _table(("at", "request", "status", "took", "services", "trace"), rows)


def _revisions(revisions: Sequence[Revision], diffs: Mapping[int, str]) -> str:
    def item(revision: Revision) -> str:
        why = f" — {revision.why}" if revision.why else ""
        words = f"{_clock(revision.at)} revision {revision.number}, from {revision.origin}: {revision.summary}{why}"
        diff = diffs.get(revision.number, "")
        return f"<li>{escape(words)}{f'<pre>{escape(diff)}</pre>' if diff else ''}</li>"

    return f"<ol>{''.join(map(item, revisions))}</ol>" if revisions else ""


def _events(events: Sequence[Event]) -> str:
    rows = [(_clock(event.at), event.message, event.severity) for event in events[-_MOST_EVENTS:]]
    cells = "".join(
        f'<tr class="{escape(severity)}"><td>{escape(at)}</td><td>{escape(message)}</td></tr>'
        for at, message, severity in rows
    )
    return f"<table>{cells}</table>" if cells else ""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table></div>'


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
