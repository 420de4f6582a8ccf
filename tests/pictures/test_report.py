"""One file that needs nothing else, and in which nobody's words are markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from sandbox.control import (
    Alert,
    AlertState,
    Cause,
    Confidence,
    Diagnosis,
    Graph,
    GraphEdge,
    Origin,
    Revision,
    TraceSummary,
)
from sandbox.pictures.report import Gathered, report
from tests.fakes import data

EVIL = "</td><script>alert(1)</script>"

_VOID = {"meta", "br", "img"}


class Reader(HTMLParser):
    """Fails for what is not closed, and for anything that is fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe", "object")
        assert not any(name.startswith("on") or name in ("src", "href", "style") for name, _ in attributes)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> str:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    assert "url(" not in html and "@import" not in html
    return re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)


def gathered() -> Gathered:
    return Gathered(at=data.NOW, seconds=900.0, version="1.2.3", status=data.project(), events=data.events())


def test_of_a_cluster_at_rest_it_says_what_runs() -> None:
    words = read(report(gathered()))
    assert "the 15 minutes before" in words
    assert "storefront" in words
    assert "sandbox 1.2.3" in words
    assert "Alerts" not in words


def test_it_says_what_was_wrong_and_what_was_done_about_it() -> None:
    cause = Cause(
        kind="fault_injected",
        service="pantry",
        message="pantry has a fault",
        facts=("revision 4 delays 50 % of its requests by 2 s",),
        command="sandbox traffic clear pantry fault",
        confidence=Confidence.CERTAIN,
    )
    trace = TraceSummary(
        id="a" * 32,
        start=data.NOW,
        duration=2.1,
        root="gateway POST /api/buns",
        service="storefront",
        status=504,
        error=True,
        spans=6,
        services=("storefront", "pantry"),
    )
    revision = Revision(
        number=4, at=data.NOW, origin=Origin.CLI, why="a lesson", summary="pantry: delay 2 s", services=("pantry",)
    )
    alert = Alert(
        rule="p99",
        subject="orders",
        state=AlertState.FIRING,
        severity="warning",
        message="p99 is 2.1 s",
        since=data.NOW,
    )
    edge = GraphEdge(caller="orders", callee="pantry", declared=False, requests_per_second=12.5, error_ratio=0.5)
    words = read(
        report(
            replace(
                gathered(),
                diagnosis=Diagnosis(target="project", healthy=False, summary="pantry is slow", causes=(cause,)),
                failed=(trace,),
                revisions=(revision,),
                diffs={4: "-  pantry: {}\n+  pantry: {rules: []}"},
                alerts=(alert,),
                graph=Graph(at=data.NOW, nodes=(), edges=(edge,)),
                charts={"orders": ("<svg></svg>",)},
            )
        )
    )
    for said in (
        "pantry is slow",
        "sandbox traffic clear pantry fault",
        "gateway POST /api/buns",
        "2.1 s",
        "revision 4, from cli: pantry: delay 2 s — a lesson",
        "+  pantry: {rules: []}",
        "p99 is 2.1 s",
        "orders → pantry (not declared)",
        "50 %",
    ):
        assert said in words


def test_nobodys_words_are_markup() -> None:
    status = data.project()
    services = tuple(replace(service, reason=EVIL) for service in status.services)
    found = replace(
        gathered(),
        status=replace(status, project=EVIL, services=services),
        events=tuple(replace(event, message=EVIL) for event in data.events()),
        missing=(EVIL,),
    )
    read(report(found))
