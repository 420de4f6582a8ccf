"""Who may call what -> the routes that refuse, before all others. Pure.

Callers are known when routes are made, so only methods and paths are left to be looked at. Routes can't say "unless",
so ALLOWs are turned into what none of them covers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    Route,
    RouteAction,
    RouteMatch,
)
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from sandbox.model import AuthorizationAction, AuthorizationRule
from sandbox.proxy.matches import METHOD, any_of, own_requests
from sandbox.proxy.names import denied_name
from sandbox.proxy.replies import REASON_HEADER
from sandbox.proxy.target import Target
from sandbox.proxy.values import header

DENIED = "|denied"
"""What the inbound listener knows refused requests by, and the reason in their answers' header."""

SERVICE_HEADER = "x-sandbox-service"
SAYS_HEADER = "x-sandbox-says"

_PATH = ":path"


def denials(target: Target) -> Iterator[Route]:
    """In the order in which they are tried. Where the caller may call nothing, the first takes everything."""
    if target.barred:
        yield _denied(target, [], _undeclared(target), "mesh")
        return
    denies, allows = _concerning(target, AuthorizationAction.DENY), _concerning(target, AuthorizationAction.ALLOW)
    for number, rule in denies:
        yield from _refused_by(number, rule, target)
    if _has_allows(target):
        for conditions in _uncovered([rule for _, rule in allows]):
            yield _denied(target, conditions, _not_allowed(target), "allow")


def refuses_all(target: Target) -> bool:
    """Whether nothing of this caller's gets through, whatever its method and path."""
    if target.barred:
        return True
    whole = [rule for _, rule in _concerning(target, AuthorizationAction.DENY) if not rule.methods and not rule.paths]
    return bool(whole) or (_has_allows(target) and not _concerning(target, AuthorizationAction.ALLOW))


def refuses(target: Target) -> bool:
    """Whether anything of this caller's may be refused."""
    return target.barred or _has_allows(target) or bool(_concerning(target, AuthorizationAction.DENY))


def no_tunnel(target: Target) -> Route | None:
    """What this caller is answered when it asks for one; None: it may have it. What is in a tunnel can't be looked at,
    so it is only for whom nothing is refused."""
    if next(denials(target), None) is None:
        return None
    why = "its authorization refuses some requests, and those in a tunnel can't be told apart"
    says = _undeclared(target) if target.barred else f"{_may_not(target)}: {why}"
    text = f"sandbox: {says}. Try: sandbox traffic get {_name(target)}\n"
    answer = DirectResponseAction(status=403, body=DataSource(inline_string=text))
    name = f"{_name(target)} denied tunnel"
    return Route(name=name, direct_response=answer, response_headers_to_add=[header(REASON_HEADER, "denied")])


def _concerning(target: Target, action: AuthorizationAction) -> list[tuple[int, AuthorizationRule]]:
    """With their numbers among all, counted from 1."""
    return [
        (number, rule)
        for number, rule in enumerate(target.policy.authorization, 1)
        if rule.action is action and (not rule.callers or target.caller in rule.callers)
    ]


def _has_allows(target: Target) -> bool:
    return any(rule.action is AuthorizationAction.ALLOW for rule in target.policy.authorization)


def _refused_by(number: int, rule: AuthorizationRule, target: Target) -> Iterator[Route]:
    method = [any_of(METHOD, rule.methods)] if rule.methods else []
    path = [_path(rule.paths)] if rule.paths else []
    named = f"rule {number} ({rule.name})" if rule.name else f"rule {number}"
    yield _denied(target, [*method, *path], f"{_may_not(target)}: {named} of its authorization says DENY", str(number))


def _uncovered(allows: list[AuthorizationRule]) -> Iterator[list[HeaderMatcher]]:
    """Conditions under which no ALLOW fits, one list for each way in which that can be."""
    if any(not rule.methods and not rule.paths for rule in allows):
        return
    everywhere = [method for rule in allows if not rule.paths for method in rule.methods]
    always = [path for rule in allows if not rule.methods for path in rule.paths]
    by_method: dict[str, list[str]] = {}
    for rule in allows:
        for method in rule.methods if rule.paths else ():
            by_method.setdefault(method, []).extend(rule.paths)
    for method, paths in by_method.items():
        if method not in everywhere:
            yield [any_of(METHOD, [method]), _path([*always, *paths], invert=True)]
    listed = tuple(dict.fromkeys([*everywhere, *by_method]))
    rest = [any_of(METHOD, listed, invert=True)] if listed else []
    yield [*rest, *([_path(always, invert=True)] if always else [])]


def _path(paths: Iterable[str], *, invert: bool = False) -> HeaderMatcher:
    """Exact ones and prefixes; the query does not count."""
    ways = "|".join(dict.fromkeys(_pattern(path) for path in paths))
    text = StringMatcher(safe_regex=RegexMatcher(regex=rf"(?s)(?:{ways})(?:\?.*)?"))
    return HeaderMatcher(name=_PATH, string_match=text, invert_match=invert)


def _pattern(path: str) -> str:
    return re.escape(path[:-1]) + "[^?]*" if path.endswith("*") else re.escape(path)


def _denied(target: Target, conditions: list[HeaderMatcher], says: str, rule: str) -> Route:
    name = f"{target.callee.service.name} denied {rule}"
    return Route(
        name=name,
        match=RouteMatch(prefix="/", headers=[*own_requests(target), *conditions]),
        route=RouteAction(cluster=denied_name(target.caller, target.callee.service.name, target.port)),
        request_headers_to_add=[
            header(SERVICE_HEADER, DENIED),
            header(SAYS_HEADER, f"sandbox: {says}. Try: sandbox traffic get {_name(target)}"),
        ],
    )


def _may_not(target: Target) -> str:
    return f"{target.caller or 'this caller'} may not send this to {_name(target)}"


def _not_allowed(target: Target) -> str:
    return f"{_may_not(target)}: no ALLOW of its authorization fits"


def _undeclared(target: Target) -> str:
    who = target.caller or "the caller"
    return (
        f"{who} does not declare {_name(target)} in depends_on, and only declared calls are allowed here "
        "(mesh: {authorization: declared})"
    )


def _name(target: Target) -> str:
    return target.callee.service.name
