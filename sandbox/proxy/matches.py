"""The conditions of a rule -> RouteMatches. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, QueryParameterMatcher, RouteMatch
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from sandbox.model import HeaderMatch, Match, MatchType, PathMatch, PathMatchType, QueryParamMatch
from sandbox.proxy.target import Target

METHOD = ":method"


def route_match(match: Match, target: Target, extra: Iterable[HeaderMatcher] = ()) -> RouteMatch:
    """Of the target's own requests, those that fit. Who calls is settled already (`concerns`)."""
    conditions = [*own_requests(target), *(header_matcher(one) for one in match.headers)]
    if match.method is not None:
        conditions.append(HeaderMatcher(name=METHOD, string_match=StringMatcher(exact=match.method)))
    made = path_match(match.path)
    made.headers.extend([*conditions, *extra])
    made.query_parameters.extend(_query_matcher(one) for one in match.query_params)
    return made


def concerns(match: Match, target: Target) -> bool:
    """Whether it can fit a request of this caller."""
    return not match.callers or target.caller in match.callers


def own_requests(target: Target) -> list[HeaderMatcher]:
    return [header_matcher(target.where)] if target.where is not None else []


def path_match(path: PathMatch | None) -> RouteMatch:
    if path is None:
        return RouteMatch(prefix="/")
    match path.type:
        case PathMatchType.EXACT:
            return RouteMatch(path=path.value)
        case PathMatchType.REGULAR_EXPRESSION:
            return RouteMatch(safe_regex=RegexMatcher(regex=path.value)) if path.value else RouteMatch(path="")
        case PathMatchType.PREFIX:
            prefix = prefix_of(path)
            return RouteMatch(path_separated_prefix=prefix) if prefix else RouteMatch(prefix="/")


def prefix_of(path: PathMatch) -> str:
    """Without the slashes at its end, which mean nothing; empty: every path."""
    return path.value.rstrip("/")


def header_matcher(match: HeaderMatch) -> HeaderMatcher:
    if match.type is MatchType.PRESENT:
        return HeaderMatcher(name=match.name, present_match=True)
    return HeaderMatcher(name=match.name, string_match=_text(match.type, match.value))


def any_of(name: str, values: Sequence[str], *, invert: bool = False) -> HeaderMatcher:
    """A regular expression costs 3.5 KB, so one value goes without."""
    if len(values) == 1:
        text = StringMatcher(exact=values[0])
    else:
        text = StringMatcher(safe_regex=RegexMatcher(regex="|".join(values)))
    return HeaderMatcher(name=name, string_match=text, invert_match=invert)


def _query_matcher(match: QueryParamMatch) -> QueryParameterMatcher:
    if match.type is MatchType.PRESENT:
        return QueryParameterMatcher(name=match.name, present_match=True)
    return QueryParameterMatcher(name=match.name, string_match=_text(match.type, match.value))


def _text(type_: MatchType, value: str) -> StringMatcher:
    # RE2's empty pattern is refused by Envoy and matches what the empty text matches.
    if type_ is MatchType.REGULAR_EXPRESSION and value:
        return StringMatcher(safe_regex=RegexMatcher(regex=value))
    return StringMatcher(exact=value)
