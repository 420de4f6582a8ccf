"""Other paths and hosts: what a service sees, and where a client is sent. Pure."""

from __future__ import annotations

import re

from envoy.config.route.v3.route_components_pb2 import RedirectAction, RouteAction
from envoy.type.matcher.v3.regex_pb2 import RegexMatchAndSubstitute, RegexMatcher

from sandbox.model import Match, PathMatchType, PathModifier, Redirect, Rewrite
from sandbox.proxy.matches import prefix_of

_CODES = {
    301: RedirectAction.MOVED_PERMANENTLY,
    302: RedirectAction.FOUND,
    303: RedirectAction.SEE_OTHER,
    307: RedirectAction.TEMPORARY_REDIRECT,
    308: RedirectAction.PERMANENT_REDIRECT,
}


def rewrite(action: RouteAction, wanted: Rewrite, match: Match) -> None:
    """Set on the action what the service is to see."""
    if wanted.hostname is not None:
        action.host_rewrite_literal = wanted.hostname
    if wanted.path is not None:
        action.regex_rewrite.CopyFrom(_substitution(wanted.path, match))


def redirect_action(wanted: Redirect, match: Match) -> RedirectAction:
    """Of what is not given, the request's own stays. KeyError for a status that is no redirect."""
    action = RedirectAction(response_code=_CODES[wanted.status])
    if wanted.scheme is not None:
        action.scheme_redirect = wanted.scheme
    if wanted.hostname is not None:
        action.host_redirect = wanted.hostname
    if wanted.port is not None:
        action.port_redirect = wanted.port
    if wanted.path is not None:
        action.regex_rewrite.CopyFrom(_substitution(wanted.path, match))
    return action


def _substitution(path: PathModifier, match: Match) -> RegexMatchAndSubstitute:
    """Of the path; the query stays. Envoy's own prefix rewrite would leave double slashes."""
    if path.replace_full is not None:
        return _substitute("^.*$", path.replace_full)
    prefix = _prefix(match)
    new = (path.replace_prefix or "").rstrip("/")
    if not prefix:
        return _substitute("^/", f"{new}/")
    return _substitute(f"^{_quoted(prefix)}", new) if new else _substitute(f"^{_quoted(prefix)}/?", "/")


def _prefix(match: Match) -> str:
    return prefix_of(match.path) if match.path is not None and match.path.type is PathMatchType.PREFIX else ""


def _quoted(text: str) -> str:
    return re.escape(text)


def _substitute(pattern: str, by: str) -> RegexMatchAndSubstitute:
    return RegexMatchAndSubstitute(pattern=RegexMatcher(regex=pattern), substitution=by.replace("\\", "\\\\"))
