"""What is wrong for all services at once."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.control import Cause, Confidence, Status
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.words import ago
from sandbox.events import Kind


def of_project(evidence: Evidence) -> Iterator[Cause]:
    yield from _proxy(evidence)
    yield from _configuration(evidence)
    yield from _engine(evidence)


def _proxy(evidence: Evidence) -> Iterator[Cause]:
    proxy = evidence.status.proxy
    if proxy.rejected:
        yield Cause(
            kind="proxy_refused",
            service=None,
            message="Envoy refused the newest configuration and serves the one before",
            facts=proxy.rejected[:3],
            command="sandbox events --kind proxy,policy",
            confidence=Confidence.CERTAIN,
        )
    elif proxy.status is not Status.HEALTHY:
        yield Cause(
            kind="proxy_down",
            service=None,
            message=f"the proxy is {proxy.status}: no request gets through",
            facts=(proxy.reason,) if proxy.reason else (),
            command="sandbox events --kind proxy",
            confidence=Confidence.CERTAIN,
        )


def _configuration(evidence: Evidence) -> Iterator[Cause]:
    event = evidence.newest(Kind.RELOAD_FAILED, Kind.POLICY_APPLIED)
    if event is None or event.service is not None or event.message not in evidence.status.warnings:
        return
    yield Cause(
        kind="bad_configuration",
        service=None,
        message="the newest configuration can't be used; the one before it holds",
        facts=(f"{event.message}, {ago(evidence.at - event.at)}",),
        command="sandbox traffic diff" if "Envoy refuses it" in event.message else "sandbox config",
        confidence=Confidence.CERTAIN,
        at=event.at,
    )


def _engine(evidence: Evidence) -> Iterator[Cause]:
    event = evidence.newest(Kind.ENGINE_TOLD)
    if event is not None and "went away" in event.message:
        yield Cause(
            kind="engine_away",
            service=None,
            message="the container engine does not answer; nothing can be started or stopped",
            facts=(f"{event.message}, {ago(evidence.at - event.at)}",),
            command="sandbox doctor",
            confidence=Confidence.CERTAIN,
            at=event.at,
        )
