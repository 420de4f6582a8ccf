"""Checks of one traffic rule: what it names, and what in it does not go together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sandbox.config.checks.reach import contradiction
from sandbox.config.checks.subject import Subject
from sandbox.config.schema.traffic.filters import FILTERS
from sandbox.config.tree import Items, Path, find, plain
from sandbox.config.validate import did_you_mean
from sandbox.model import GATEWAY, Match, PathMatchType, PathModifier, Rule, Service


def check_rule(subject: Subject, service: Service, rule: Rule, path: Path) -> None:
    for index, match in enumerate(rule.matches):
        _check_match(subject, service, match, (*path, "matches", index))
    _check_backends(subject, service, rule, path)
    filters = _Filters(subject, (*path, "filters"))
    _check_filters(subject, service, rule, filters)
    _check_times(subject, rule, path)


def check_callers(subject: Subject, service: Service, callers: Sequence[str], path: Path) -> None:
    """path: of the list under `from`."""
    services = subject.project.services
    for index, caller in enumerate(callers):
        if caller == GATEWAY:
            if not service.public:
                message = f"the gateway does not call {service.name}, which is not public"
                subject.at_value((*path, index), message, f"take gateway out, or add public: true to {service.name}")
        elif caller not in services:
            names = [GATEWAY, *(name for name in services if name != service.name)]
            hint = did_you_mean(caller, names, f"callers: {', '.join(names)}")
            subject.at_value((*path, index), f"from names {caller}, and there is no such service", hint)
        elif subject.project.mesh.declared_only and service.name not in services[caller].callees:
            message = f"{caller} does not declare that it calls {service.name}, so it may not"
            subject.at_value((*path, index), message, f"add {service.name} to depends_on of {caller}")


def _check_match(subject: Subject, service: Service, match: Match, path: Path) -> None:
    check_callers(subject, service, match.callers, (*path, "from"))
    for key, what, conditions in (
        ("headers", "the header", match.headers),
        ("queryParams", "the parameter", match.query_params),
    ):
        found = contradiction(conditions)
        if found is not None:
            index, name = found
            message = f"this never fits: what is asked of {what} {name} can't hold at once"
            subject.at_value((*path, key, index), message, "keep one of the two")


def _check_version(subject: Subject, service: Service, name: str, path: Path) -> None:
    names = [version.name for version in service.versions]
    if name not in names:
        hint = did_you_mean(name, names, f"versions of {service.name}: {', '.join(names)}")
        subject.at_value(path, f"{service.name} has no version {name}", hint)


def _check_backends(subject: Subject, service: Service, rule: Rule, path: Path) -> None:
    seen: set[str] = set()
    for index, backend in enumerate(rule.backends):
        place = (*path, "backendRefs", index, "version")
        _check_version(subject, service, backend.version, place)
        if backend.version in seen:
            subject.at_value(place, f"{backend.version} is there twice", "add up their weights")
        seen.add(backend.version)
    if rule.backends and not any(backend.weight for backend in rule.backends):
        subject.at_value((*path, "backendRefs"), "all weights are 0, so nobody gets requests", "give one a weight")


class _Filters:
    """Where the filters of a rule stand."""

    def __init__(self, subject: Subject, path: Path) -> None:
        self.path: tuple[str | int, ...] = tuple(path)
        node = find(subject.root, path)
        listed = plain(node) if isinstance(node, Items) else []
        self.kinds = [next((kind for kind, key in FILTERS.items() if key in item), "") for item in listed]

    def places(self, kind: str) -> list[Path]:
        """Of the filters of this type."""
        return [(*self.path, index, FILTERS[kind]) for index, found in enumerate(self.kinds) if found == kind]


def _check_filters(subject: Subject, service: Service, rule: Rule, filters: _Filters) -> None:
    for kind in FILTERS:
        if kind != "RequestMirror":
            for place in filters.places(kind)[1:]:
                subject.at_value(place, f"a rule has one {kind} at most", "put both into one")
    for mirror, place in zip(rule.mirrors, filters.places("RequestMirror"), strict=True):
        _check_version(subject, service, mirror.version, (*place, "backendRef", "version"))
    _check_who_answers(subject, rule, filters)
    modifiers = (("URLRewrite", rule.rewrite), ("RequestRedirect", rule.redirect))
    for kind, modified in modifiers:
        if modified is not None and modified.path is not None:
            _check_prefix(subject, rule, modified.path, (*filters.places(kind)[0], "path"))


def _check_who_answers(subject: Subject, rule: Rule, filters: _Filters) -> None:
    """One of the redirect, the direct response and the service; what is for the service is of no use to the others."""
    answers = [*filters.places("RequestRedirect"), *filters.places("DirectResponse")]
    if not answers:
        return
    kind = "RequestRedirect" if rule.redirect else "DirectResponse"
    if rule.redirect and rule.direct_response:
        subject.at_value(answers[-1], "a rule answers with a redirect or directly", "keep one of the two")
    if rule.backends:
        backends = (*filters.path[:-1], "backendRefs")
        subject.at_value(backends, f"nothing gets here: {kind} answers the requests", "keep one of the two")
    for useless in ("RequestMirror", "URLRewrite"):
        for place in filters.places(useless):
            subject.at_value(place, f"{useless} has no use beside {kind}, which answers the requests", "take it out")


def _check_prefix(subject: Subject, rule: Rule, modifier: PathModifier, path: Path) -> None:
    if modifier.replace_prefix is None or all(_has_prefix(match) for match in rule.matches):
        return
    message = "a prefix is replaced, and a match of this rule is not by prefix"
    subject.at_value(path, message, "use replaceFullPath, or match with type: PathPrefix")


def _has_prefix(match: Match) -> bool:
    return match.path is None or match.path.type is PathMatchType.PREFIX


def _check_times(subject: Subject, rule: Rule, path: Path) -> None:
    whole, attempt = rule.timeouts.request, rule.timeouts.backend_request
    if whole is not None and attempt is not None and attempt > whole:
        message = "backendRequest is longer than request, which ends all attempts"
        subject.at_value((*path, "timeouts", "backendRequest"), message, "make it shorter than request")
    if rule.retry is not None and rule.retry.hedge and attempt is None:
        message = "hedge needs to know when a try takes too long"
        subject.at_key((*path, "retry", "hedge"), message, "add timeouts: {backendRequest: …}")


def twice(names: Iterable[str | None]) -> Iterable[tuple[int, str]]:
    """The places of names that are there before."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name is not None and name in seen:
            yield index, name
        seen.add(name or "")
