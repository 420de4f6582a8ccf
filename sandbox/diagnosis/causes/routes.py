"""Rules and addresses that lead to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from sandbox.control import Cause, Confidence, ServiceStatus, Status
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.policies import rule_name
from sandbox.errors import UsageError


def route_to_nothing(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    """A rule whose versions have no ready instance, while others of the service have."""
    if not service.ready:
        return None
    found = list(_empty_rules(evidence, service))
    if not found:
        return None
    name, versions = found[0]
    return Cause(
        kind="route_to_nothing",
        service=service.name,
        message=f"{name} of {service.name}'s traffic policy leads to {versions}, which has no ready instance",
        facts=(
            f"ready versions: {', '.join(sorted(_ready_versions(service)))}",
            "requests that the rule chooses for it are answered 503 (UH)",
        ),
        command=f"sandbox scale {service.name}@{versions.partition(',')[0]}=1",
        confidence=Confidence.CERTAIN,
    )


def passed_over(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    """A rule of which one version has no ready instance, so that others have its share."""
    found = [one for one in service.passed_over if one.instead]
    if not found:
        return None
    (first, *_), version = found, found[0].versions[0]
    own = [one for one in service.instances if one.version == version]
    return Cause(
        kind="version_passed_over",
        service=service.name,
        message=first.sentence,
        facts=(
            *(one.sentence for one in found[1:]),
            *(f"{one.id} is {one.status}" + (f": {one.reason}" if one.reason else "") for one in own),
            *([] if own else [f"{version} is scaled to 0"]),
        ),
        command=f"sandbox logs {service.name}" if own else f"sandbox scale {service.name}@{version}=1",
        confidence=Confidence.CERTAIN,
    )


def _empty_rules(evidence: Evidence, service: ServiceStatus) -> Iterator[tuple[str, str]]:
    ready = _ready_versions(service)
    policy = evidence.policies.get(service.name)
    for index, rule in enumerate(policy.rules if policy else ()):
        named = [ref.version for ref in rule.backends if ref.weight]
        empty = [version for version in named if version not in ready]
        if empty and len(empty) == len(named):
            yield rule_name(rule, index), ", ".join(empty)


def _ready_versions(service: ServiceStatus) -> set[str]:
    return {one.version for one in service.instances if one.status is Status.HEALTHY}


# --- addresses ----------------------------------------------------------------------------------------------------


def service_of_url(evidence: Evidence, url: str) -> str | None:
    """The service that the gateway asks for this URL; None when it asks nobody. UsageError for what is no URL."""
    host = _host(url)
    services = {one.name: one for one in evidence.status.services}
    name = host.removesuffix(".localhost")
    if host.endswith(".localhost"):
        return name if name in services and services[name].url else None
    if host in services:
        return host  # as services here call each other
    return next((one.name for one in evidence.status.services if one.url), None)


def _host(url: str) -> str:
    try:
        return urlsplit(url if "//" in url else f"http://{url}").hostname or ""
    except ValueError as error:
        raise UsageError(f"is no URL: {error}", place=url, hint="write it such as http://127.0.0.1:8080/") from None


def no_such_host(evidence: Evidence, url: str) -> Cause:
    host = _host(url) or url
    name = host.removesuffix(".localhost")
    public = [one.name for one in evidence.status.services if one.url]
    known = evidence.service(name) is not None
    why = f"{name} is not public" if known else f"no service is called {name}"
    urls = ", ".join(one.url for one in evidence.status.services if one.url)
    return Cause(
        kind="route_nothing",
        service=name if known else None,
        message=f"{url} leads to nothing: {why}",
        facts=(f"public services: {', '.join(public) or 'none'}", *([f"they answer at {urls}"] if urls else [])),
        command=f"write public: true under {name} in sandbox.yaml, then: sandbox up" if known else "sandbox ps",
        confidence=Confidence.CERTAIN,
    )
