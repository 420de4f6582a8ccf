"""A service that answers with errors by itself."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.words import percent, requests

WORTH_TELLING = 0.01
BESIDES_OTHERS = 0.05
"""Of a service whose callees fail too: both are counted at times that are not quite the same."""

_NOT_ITS_OWN = (Metric.TIMEOUTS, Metric.OVERFLOWS, Metric.FAULTS)
"""Errors that the proxy answered in its stead. Each is a request at most, so what is over is the service's own."""

_FAILS_ITS_CALLER = (Metric.ERRORS, *_NOT_ITS_OWN, Metric.RATE_LIMITED, Metric.DENIED)


def own_errors(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    """Its callees do not fail it, and nobody else answered in its stead."""
    service = evidence.service(edge.callee)
    answered = max(sum(edge.rate(metric) for metric in _NOT_ITS_OWN), sum(_by_the_proxy(edge)))
    own = edge.rate(Metric.ERRORS) - answered
    passed_on = sum(map(_fails_its_caller, evidence.out_of(edge.callee)))
    own -= passed_on
    asked = edge.rate(Metric.REQUESTS)
    least = BESIDES_OTHERS if passed_on else WORTH_TELLING
    if service is None or not service.ready or not asked or own / asked < least:
        return None  # it may only pass on what it got
    codes = ", ".join(code for code in sorted(edge.codes) if code.startswith("5") and edge.codes[code])
    error = evidence.errors.get(edge.callee)
    return Cause(
        kind="own_errors",
        service=edge.callee,
        message=f"{edge.callee} itself answers with errors: {percent(own / asked)} of {edge.caller}'s requests",
        facts=(
            f"{requests(own)} fail{f' with {codes}' if codes else ''}, not counting the proxy's own answers",
            _of_its_callees(evidence, edge.callee, passed_on),
            *([f"the newest error in its output: {error}"] if error else []),
        ),
        command=f"sandbox logs {edge.callee} --tail 20",
        confidence=Confidence.CERTAIN if not answered + passed_on and _knows_faults(edge) else Confidence.LIKELY,
    )


def _fails_its_caller(edge: EdgeNumbers) -> float:
    """At most, of requests: one that fails may be counted as several things."""
    given_up = min(edge.flagged("DC"), edge.codes.get("0", 0.0))
    return sum(edge.rate(metric) for metric in _FAILS_ITS_CALLER) + given_up


def _of_its_callees(evidence: Evidence, service: str, passed_on: float) -> str:
    if passed_on:
        return f"what it calls fails less often: {requests(passed_on)} at most"
    return "nothing that it calls fails" if evidence.out_of(service) else "it calls nobody who could be to blame"


def _by_the_proxy(edge: EdgeNumbers) -> Iterator[float]:
    """URX tells that all tries failed, and DC that the caller left: with these alone, nobody answered in its stead."""
    for flags, rate in edge.flags.items():
        if set(flags.split(",")) - {"URX", "DC"}:
            yield rate


def _knows_faults(edge: EdgeNumbers) -> bool:
    return edge.values.get(Metric.FAULTS) is not None
