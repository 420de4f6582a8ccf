"""What was loaded just before something began to fail: it need not be the reason, but is where people look first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sandbox.control import Cause
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.graph import callees, paths_from
from sandbox.diagnosis.words import ago
from sandbox.events import Event, Kind

JUST_BEFORE = 120.0
"""Seconds since a reload in which it is told."""

_MAY_COME_OF_CODE = frozenset(["own_errors", "unknown", "no_answer", "broken_connections", "slow_hop", "timeout_short"])
_MOST = 3


def with_reloads(evidence: Evidence, cause: Cause) -> Cause:
    """With a fact for each reload of its service, and of those that it calls, directly or not; the newest first."""
    if cause.kind not in _MAY_COME_OF_CODE or cause.service is None:
        return cause
    below = paths_from(cause.service, callees(evidence))
    facts = [_words(evidence, event) for event in _newest_reloads(evidence) if event.service in below]
    return replace(cause, facts=(*cause.facts, *facts[:_MOST]))


def _newest_reloads(evidence: Evidence) -> Iterator[Event]:
    """One of each service."""
    told = set()
    for event in reversed(evidence.events):
        recent = evidence.at - event.at <= JUST_BEFORE
        if event.kind is Kind.SERVICE_RELOADED and recent and event.service not in told:
            told.add(event.service)
            yield event


def _words(evidence: Evidence, event: Event) -> str:
    files = ", ".join(event.reload.files) if event.reload else ""
    saved = f" with the save of {files}" if files else ""
    return f"{event.service} was reloaded{saved}, {ago(evidence.at - event.at)}"
