"""What is questionable about the policies in force, along every path that calls may take.

Amplification: if each of n services on a path tries a failed call `a` times more, the last one is called (1 + a)ⁿ
times; where a budget holds, retries are at most its share of all calls. Deadlines: whoever waits longer for a callee
than its own caller waits for it works for nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.control import Finding
from sandbox.model import Match, Rule, TrafficPolicy
from sandbox.traffic import words
from sandbox.traffic.matching import covers
from sandbox.traffic.router import rule_name

_NONE = TrafficPolicy()
_EVERY_REQUEST = (Match(),)

TOO_OFTEN = 10
"""Calls that one request may become before that is a warning."""

MOST_PATHS = 2000
"""That are followed: the number of paths of a dense graph grows without bounds."""

_LONGEST = 12
_ROUNDING = 1e-9  # 0.3 / 0.1 is less than 3
_LONGEST_PAUSE = 10
"""Times `backoff`: the proxy's pauses double up to that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """callees: by caller. ready: versions with an instance that takes traffic, by service; missing: not known."""

    callees: Mapping[str, Sequence[str]]
    versions: Mapping[str, Sequence[str]]
    ready: Mapping[str, frozenset[str]]
    entries: Sequence[str]  # public services


def lint(policies: Mapping[str, TrafficPolicy], mesh: Mesh) -> tuple[Finding, ...]:
    """The worst first."""
    found = [finding for name, policy in policies.items() for finding in _of_service(name, policy, mesh)]
    found += _of_paths(policies, mesh)
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(dict.fromkeys(found), key=lambda one: order[one.severity]))


# --- one service ------------------------------------------------------------------------------------------------------


def _of_service(name: str, policy: TrafficPolicy, mesh: Mesh) -> Iterator[Finding]:
    yield from _unreachable(name, policy)
    for index, rule in enumerate(policy.rules):
        place = f"{name}, {rule_name(rule, index)}"
        yield from _without_instances(place, rule, name, mesh)
        yield from _own_times(place, rule)
        yield from _faults(place, rule)
        yield from _copies(place, rule, mesh.versions.get(name, ()))


def _unreachable(name: str, policy: TrafficPolicy) -> Iterator[Finding]:
    for index, rule in enumerate(policy.rules):
        for match in rule.matches or _EVERY_REQUEST:
            if (taken := _taken_by(match, policy.rules[:index])) is not None:
                yield Finding(
                    severity="warning",
                    place=f"{name}, {rule_name(rule, index)}",
                    message=f"can't be reached: {rule_name(policy.rules[taken], taken)} takes all its requests",
                    hint="put it first, or remove it",
                )
                break


def _taken_by(match: Match, earlier: Sequence[Rule]) -> int | None:
    for index, rule in enumerate(earlier):
        if any(covers(wide, match) for wide in rule.matches or _EVERY_REQUEST):
            return index
    return None


def _without_instances(place: str, rule: Rule, name: str, mesh: Mesh) -> Iterator[Finding]:
    if name not in mesh.ready:
        return
    ready = mesh.ready[name]
    wanted = [ref.version for ref in rule.backends if ref.weight > 0]
    missing = [version for version in wanted if version not in ready]
    if not missing:
        return
    if len(missing) == len(wanted):
        message = f"no instance of {' or '.join(missing)} is ready, so its requests are answered with 503"
        severity = "error"
    else:
        message = f"{' and '.join(missing)} has no ready instance; its share goes to the other versions"
        severity = "warning"
    yield Finding(severity=severity, place=place, message=message, hint=f"see why: sandbox ps -a, sandbox logs {name}")


def _own_times(place: str, rule: Rule) -> Iterator[Finding]:
    request, retry = rule.timeouts.request, rule.retry
    if retry is not None and retry.hedge and not rule.timeouts.backend_request:
        yield Finding(
            severity="warning",
            place=place,
            message="hedge does nothing without a limit for one attempt",
            hint="add timeouts: {backendRequest: …}",
        )
    attempt = rule.timeouts.backend_request
    if retry is None or not request or not attempt:
        return
    fit = math.floor(request / attempt + _ROUNDING)
    if fit < 1 + retry.attempts:
        yield Finding(
            severity="info",
            place=place,
            message=f"of {1 + retry.attempts} attempts only {max(fit, 1)} of {words.seconds(attempt)} "
            f"fit in the {words.seconds(request)} of the whole request",
            hint="make request longer, or attempts fewer",
        )


def _faults(place: str, rule: Rule) -> Iterator[Finding]:
    if rule.fault is not None:
        service = place.split(",")[0]
        yield Finding(
            severity="info",
            place=place,
            message=f"a fault is in force: {words.fault(rule.fault)}",
            hint=f"end it: sandbox traffic clear {service} fault",
        )


def faults(policies: Mapping[str, TrafficPolicy], names: Sequence[str]) -> tuple[Finding, ...]:
    """That are in force on these services."""
    rules = ((name, rule, index) for name in names for index, rule in enumerate(policies.get(name, _NONE).rules))
    return tuple(one for name, rule, index in rules for one in _faults(f"{name}, {rule_name(rule, index)}", rule))


def _copies(place: str, rule: Rule, versions: Sequence[str]) -> Iterator[Finding]:
    answering = {ref.version for ref in rule.backends if ref.weight > 0} or set(versions)
    for mirror in rule.mirrors:
        if answering == {mirror.version}:
            yield Finding(
                severity="warning",
                place=place,
                message=f"copies go to {mirror.version}, which answers these requests too and so gets them twice",
                hint="name another version of it",
            )


# --- paths of calls ---------------------------------------------------------------------------------------------------


def _of_paths(policies: Mapping[str, TrafficPolicy], mesh: Mesh) -> Iterator[Finding]:
    for followed, path in enumerate(paths(mesh)):
        yield from _amplification(path, policies)
        yield from _deadlines(path, policies)
        if followed == MOST_PATHS:
            yield Finding(
                severity="info", place="project", message=f"only the first {MOST_PATHS} paths of calls were followed"
            )
            return


def paths(mesh: Mesh) -> Iterator[tuple[str, ...]]:
    """Every path from where requests come in to a service that calls nobody, without going in circles."""
    called = {callee for callees in mesh.callees.values() for callee in callees}
    entries = dict.fromkeys([*mesh.entries, *(name for name in mesh.callees if name not in called)])
    for entry in entries:
        yield from _from(entry, (), mesh.callees)


def _from(name: str, before: tuple[str, ...], callees: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    path = (*before, name)
    onward = [callee for callee in callees.get(name, ()) if callee not in path]
    if not onward or len(path) == _LONGEST:
        yield path
    for callee in onward if len(path) < _LONGEST else ():
        yield from _from(callee, path, callees)


def _amplification(path: Sequence[str], policies: Mapping[str, TrafficPolicy]) -> Iterator[Finding]:
    """Told at the shortest path that has it."""
    calls = 1.0
    hops: list[str] = []
    for index, name in enumerate(path):
        tries = worst_tries(policies.get(name))
        calls *= tries
        hops += [f"{name} {tries:g}×"] if tries > 1 else []
        if calls > TOO_OFTEN - _ROUNDING and len(hops) > 1:
            yield Finding(
                severity="warning",
                place=" → ".join(path[: index + 1]),
                message=f"one failing request becomes up to {round(calls, 1):g} at {name} ({', '.join(hops)})",
                hint="retry at one of these services only, or give retries a budget",
            )
            return


def worst_tries(policy: TrafficPolicy | None) -> float:
    """Calls that one call may become, on average over many that fail. A budget is the service's, whichever rule has
    it; with `connectionPool.maxRetries` there is none."""
    if policy is None:
        return 1.0
    most = 1.0 + max((rule.retry.attempts for rule in policy.rules if rule.retry is not None), default=0)
    pool = policy.connection_pool
    budgets = [rule.retry.budget for rule in policy.rules if rule.retry is not None and rule.retry.budget is not None]
    if not budgets or (pool is not None and pool.max_retries is not None):
        return most
    return min(most, 1.0 + budgets[0].percent / 100)


def _deadlines(path: Sequence[str], policies: Mapping[str, TrafficPolicy]) -> Iterator[Finding]:
    """Of each pair of calls one inside the other: the inner one may not be given more time than the outer."""
    for index, name in enumerate(path):
        outer = _longest(policies.get(name))
        if outer is None:
            continue
        for inner in path[index + 1 :]:
            may_take = worst_case(policies.get(inner))
            if may_take is not None and may_take > outer:
                yield Finding(
                    severity="warning",
                    place=f"{name} → {inner}",
                    message=f"a call to {inner} may take {words.seconds(round(may_take, 3))}, but who calls {name} "
                    f"gives up after {words.seconds(outer)}",
                    hint=f"give {inner} less time, or {name} more",
                )


def _longest(policy: TrafficPolicy | None) -> float | None:
    """How long anybody waits for it at most; None when somebody waits for ever."""
    if policy is None or not policy.rules or policy.rules[-1].matches:
        return None
    limits = [limit_of(rule) for rule in policy.rules]
    return max(limit for limit in limits if limit is not None) if None not in limits else None


def limit_of(rule: Rule) -> float | None:
    """How long a request may take by the rule: the shorter one of the whole, and of all attempts with their longest
    pauses. None: for ever."""
    limits = [limit for limit in (rule.timeouts.request, _attempts(rule)) if limit]
    return min(limits, default=None)


def _attempts(rule: Rule) -> float | None:
    """Without a `retry` there is one. Hedged ones go on when the next begins, so that the last may take for ever."""
    times, retry = rule.timeouts, rule.retry
    if not times.backend_request or (retry is not None and retry.hedge):
        return None
    if retry is None:
        return times.backend_request
    pauses = [retry.backoff * min(2.0**attempt, _LONGEST_PAUSE) for attempt in range(retry.attempts)]
    return times.backend_request * (1 + retry.attempts) + sum(pauses)


def worst_case(policy: TrafficPolicy | None) -> float | None:
    """The longest that any of its rules allows; rules without a limit are left out. None without any limit."""
    limits = [limit_of(rule) for rule in policy.rules] if policy is not None else []
    return max((limit for limit in limits if limit is not None), default=None)
