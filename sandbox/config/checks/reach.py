"""Rules that no request can reach: what earlier rules take, and conditions that can't hold together.

Errs on the side of silence: what two regular expressions have in common is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sandbox.model import HeaderMatch, Match, MatchType, PathMatch, PathMatchType, QueryParamMatch, Rule
from sandbox.model.regex import matches

Condition = HeaderMatch | QueryParamMatch

_EVERYTHING = (Match(),)


def unreachable(rules: Sequence[Rule]) -> Iterator[tuple[int, int | None, int]]:
    """(rule, match, earlier rule) of what earlier rules take. The match is None when it is the whole rule."""
    earlier: list[tuple[int, Match]] = []
    for index, rule in enumerate(rules):
        takers = [_taker(match, earlier) for match in rule.matches or _EVERYTHING]
        if earlier and all(taker is not None for taker in takers):
            yield index, None, takers[-1] or 0
        else:
            yield from ((index, place, taker) for place, taker in enumerate(takers) if taker is not None)
        earlier += [(index, match) for match in rule.matches or _EVERYTHING]


def _taker(match: Match, earlier: Sequence[tuple[int, Match]]) -> int | None:
    """The last of the earlier rules that together take all that the match fits; None when they leave something."""
    found: list[int] = []
    for part in _by_caller(match):
        taker = next((index for index, other in earlier if covers(other, part)), None)
        if taker is None:
            return None
        found.append(taker)
    return max(found)


def _by_caller(match: Match) -> list[Match]:
    """One for each caller: rules for some of them may together take them all."""
    return [replace(match, callers=(caller,)) for caller in match.callers] or [match]


def covers(wide: Match, narrow: Match) -> bool:
    """Whether every request that `narrow` fits is known to fit `wide` too."""
    return (
        (wide.method is None or wide.method == narrow.method)
        and (not wide.callers or (bool(narrow.callers) and set(narrow.callers) <= set(wide.callers)))
        and _covers_path(wide.path, narrow.path)
        and all(_is_implied(condition, narrow.headers) for condition in wide.headers)
        and all(_is_implied(condition, narrow.query_params) for condition in wide.query_params)
    )


def _covers_path(wide: PathMatch | None, narrow: PathMatch | None) -> bool:
    if wide is None or wide == PathMatch(value="/") or wide == narrow:
        return True
    if narrow is None:
        return False
    match wide.type, narrow.type:
        case PathMatchType.PREFIX, PathMatchType.EXACT | PathMatchType.PREFIX:
            return narrow.value == wide.value or narrow.value.startswith(f"{wide.value}/")
        case PathMatchType.REGULAR_EXPRESSION, PathMatchType.EXACT:
            return matches(wide.value, narrow.value)
        case _:
            return False


def _is_implied(wanted: Condition, given: Sequence[Condition]) -> bool:
    """Whether the condition holds wherever all the given ones do."""
    return any(_implies(condition, wanted) for condition in given if condition.name == wanted.name)


def _implies(given: Condition, wanted: Condition) -> bool:
    if wanted.type is MatchType.PRESENT or given == wanted:
        return True
    return wanted.type is MatchType.REGULAR_EXPRESSION and _fits(wanted, given)


def _fits(expression: Condition, exact: Condition) -> bool:
    return exact.type is MatchType.EXACT and matches(expression.value, exact.value)


def contradiction(conditions: Sequence[Condition]) -> tuple[int, str] | None:
    """The first condition that can't hold together with an earlier one, and its name."""
    for index, later in enumerate(conditions):
        for earlier in conditions[:index]:
            if earlier.name == later.name and _excludes(earlier, later):
                return index, later.name
    return None


def _excludes(one: Condition, other: Condition) -> bool:
    kinds = (one.type, other.type)
    if kinds == (MatchType.EXACT, MatchType.EXACT):
        return one.value != other.value
    if kinds == (MatchType.EXACT, MatchType.REGULAR_EXPRESSION):
        return not matches(other.value, one.value)
    if kinds == (MatchType.REGULAR_EXPRESSION, MatchType.EXACT):
        return not matches(one.value, other.value)
    return False
