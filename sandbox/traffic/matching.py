"""Which requests a rule's match fits, and which matches leave nothing for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.control import RequestHead
from sandbox.model import HeaderMatch, Match, MatchType, PathMatch, PathMatchType, QueryParamMatch
from sandbox.model.regex import BadExpression, matches


def objection(match: Match, head: RequestHead) -> str | None:
    """The first thing about the request that does not fit, in words; None when all fits."""
    return next(_objections(match, head), None)


def _objections(match: Match, head: RequestHead) -> Iterator[str]:
    path, _, query = head.path.partition("#")[0].partition("?")
    if match.callers and head.caller not in match.callers:
        yield f"comes from {head.caller}, not from {' or '.join(match.callers)}"
    if match.method is not None and match.method != head.method:
        yield f"the method is {head.method}, not {match.method}"
    if match.path is not None and not path_fits(match.path, path):
        yield f"the path is {path}, not {describe_path(match.path)}"
    headers = lower_names(head.headers)
    for header in match.headers:
        if not _value_fits(header, headers.get(header.name)):
            yield _value_objection("header", header, headers.get(header.name))
    parameters = first_values(query)
    for parameter in match.query_params:
        if not _value_fits(parameter, parameters.get(parameter.name)):
            yield _value_objection("query parameter", parameter, parameters.get(parameter.name))


def path_fits(match: PathMatch, path: str) -> bool:
    match match.type:
        case PathMatchType.EXACT:
            return path == match.value
        case PathMatchType.PREFIX:
            return _is_below(path, match.value)
    return full_match(match.value, path)


def _is_below(path: str, prefix: str) -> bool:
    bare = prefix.rstrip("/")
    return path == bare or path.startswith(f"{bare}/")


def full_match(expression: str, text: str) -> bool:
    """False for an expression that RE2 does not know."""
    try:
        return matches(expression, text)
    except BadExpression:
        return False


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def first_values(query: str) -> dict[str, str]:
    """As Envoy reads a query: nothing is decoded, and of several values of one parameter the first is compared."""
    found: dict[str, str] = {}
    for part in query.partition("#")[0].split("&"):
        name, _, value = part.partition("=")
        found.setdefault(name, value)
    return found


def _value_fits(match: HeaderMatch | QueryParamMatch, value: str | None) -> bool:
    if value is None:
        return False
    match match.type:
        case MatchType.PRESENT:
            return True
        case MatchType.EXACT:
            return value == match.value
    return full_match(match.value, value)


def _value_objection(what: str, match: HeaderMatch | QueryParamMatch, value: str | None) -> str:
    if value is None:
        return f"has no {what} {match.name}"
    return f"{what} {match.name} is {value!r}, not {_describe_value(match)}"


# --- in words -----------------------------------------------------------------------------------------------------


def describe(match: Match) -> str:
    """ "GET /v2/* with x-user: me from orders", "requests from orders"; "every request" without conditions."""
    parts = [*filter(None, [match.method, describe_path(match.path) if match.path else ""])]
    if not parts and not match.is_everything:
        parts.append("requests")
    values = [
        *(f"{header.name}: {_describe_value(header)}" for header in match.headers),
        *(f"?{parameter.name}={_describe_value(parameter)}" for parameter in match.query_params),
    ]
    if values:
        parts.append(f"with {', '.join(values)}")
    if match.callers:
        parts.append(f"from {' or '.join(match.callers)}")
    return " ".join(parts) or "every request"


def describe_path(match: PathMatch) -> str:
    match match.type:
        case PathMatchType.EXACT:
            return match.value
        case PathMatchType.PREFIX:
            return f"{match.value.rstrip('/')}/*"
    return f"~{match.value}"


def _describe_value(match: HeaderMatch | QueryParamMatch) -> str:
    match match.type:
        case MatchType.PRESENT:
            return "(any)"
        case MatchType.EXACT:
            return match.value
    return f"~{match.value}"


# --- what one match takes from another ------------------------------------------------------------------------------


def covers(wide: Match, narrow: Match) -> bool:
    """Whether every request that `narrow` fits is one that `wide` fits. False where that is not certain."""
    return (
        (wide.method is None or wide.method == narrow.method)
        and (not wide.callers or (bool(narrow.callers) and set(narrow.callers) <= set(wide.callers)))
        and _path_covers(wide.path, narrow.path)
        and all(_is_implied(one, narrow.headers) for one in wide.headers)
        and all(_is_implied(one, narrow.query_params) for one in wide.query_params)
    )


def _path_covers(wide: PathMatch | None, narrow: PathMatch | None) -> bool:
    if wide is None or wide == narrow:
        return True
    if wide.type is PathMatchType.PREFIX and not wide.value.rstrip("/"):
        return True
    if narrow is None or narrow.type is PathMatchType.REGULAR_EXPRESSION:
        return False
    if narrow.type is PathMatchType.EXACT:
        return path_fits(wide, narrow.value)
    return wide.type is PathMatchType.PREFIX and _is_below(narrow.value.rstrip("/"), wide.value)


def _is_implied(
    wanted: HeaderMatch | QueryParamMatch, given: tuple[HeaderMatch, ...] | tuple[QueryParamMatch, ...]
) -> bool:
    for one in given:
        if one.name != wanted.name:
            continue
        if one == wanted or wanted.type is MatchType.PRESENT:
            return True
        if one.type is MatchType.EXACT and _value_fits(wanted, one.value):
            return True
    return False
