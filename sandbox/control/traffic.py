"""Steering, as screens see it: what is in force, how to change it, and the way back.

Policies cross as documents in sandbox.yaml's own words (`traffic: {SERVICE: DOCUMENT}`), so that what a person reads,
types and saves is one language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

Document = Mapping[str, Any]
"""What stands under `traffic: {SERVICE: …}`; empty for a service without rules."""


class Origin(StrEnum):
    """Where a change came from."""

    FILE = "file"
    CLI = "cli"
    TUI = "tui"
    API = "api"
    TRIAL = "trial"
    RAMP = "ramp"


class EditAction(StrEnum):
    SPLIT = "split"  # values: {VERSION: weight, …}
    ROUTE = "route"  # values: {version: …}, of the requests that `match` fits
    FAULT = "fault"  # values: {delay: {…}, abort: {…}}
    TIMEOUT = "timeout"  # values: {request: …, backendRequest: …, idle: …}
    RETRY = "retry"  # values: those of `retry`
    LIMIT = "limit"  # values: those of `rateLimit`, or {concurrency: N}
    MIRROR = "mirror"  # values: {version: …, percentage: …}
    ALLOW = "allow"  # values: {from: […], methods: […], paths: […]}
    DENY = "deny"
    SET = "set"  # values: keys of the policy beside `rules`, such as {outlierDetection: {…}}
    CLEAR = "clear"  # values: {what: NAME of one of the above, or "all"}
    REPLACE = "replace"  # values: the whole document


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A small change of one service's policy, of the requests that `match` fits (in the file's words; empty: all)."""

    service: str
    action: EditAction
    values: Mapping[str, Any] = field(default_factory=dict)
    match: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Edits that are applied together or not at all."""

    edits: tuple[Edit, ...]
    origin: Origin = Origin.API
    why: str = ""
    if_revision: int | None = None  # refused (PreconditionError) when another revision is in force
    dry_run: bool = False  # nothing is changed; the result tells what would be


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    number: int
    at: float  # seconds since the epoch
    origin: Origin
    why: str
    summary: str  # what changed, in one line: "steamer: v1 90 %, v2 10 % (was v1 100 %)"
    services: tuple[str, ...]  # whose policy changed


def was_passing(revision: Revision, after: Revision) -> bool:
    """Whether it was a step of a trial or a ramp that went on, or back: nobody means it who does not name it.

    after: the revision that came next."""
    return {revision.origin, after.origin} <= {Origin.TRIAL, Origin.RAMP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a policy, with the next step."""

    severity: str  # error | warning | info
    place: str  # a service, a rule, a path of calls
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerouted:
    """What-if: recorded requests that would be answered elsewhere."""

    requests: int  # that were looked at
    seconds: float  # how far they go back
    moved: tuple[tuple[str, str, int], ...]  # "steamer v1" → "steamer v2", how many


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResult:
    revision: Revision | None  # None: a dry run, or nothing would change
    changed: tuple[str, ...]
    diff: str  # a unified diff of the documents as YAML; empty when nothing changes
    against: int = 0  # the revision that it is the difference from
    findings: tuple[Finding, ...] = ()
    what_if: Rerouted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenSignals:
    """Of one service over some seconds. Latencies are milliseconds; None without traffic."""

    seconds: float
    requests_per_second: float
    error_ratio: float
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A change that ends by itself, whoever has gone away meanwhile."""

    revision: int
    services: tuple[str, ...]
    began_at: float
    ends_at: float
    before: Mapping[str, GoldenSignals]  # of these and of the public services, in the minute before it began
    now: Mapping[str, GoldenSignals]  # since it began
    ended: str | None = None  # kept | reverted, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class RampRequest:
    service: str
    version: str
    steps: tuple[int, ...]  # percentages, ascending
    every: float  # seconds a step lasts
    abort_if: str = "errors>1%"  # errors>N%, p99>Nms, joined by `or`
    match: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = Origin.API
    why: str = ""
    if_revision: int | None = None  # as in `Change`


class RampState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    ABORTED = "aborted"  # by its condition: all goes where it went before
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    service: str
    version: str
    steps: tuple[int, ...]
    step: int  # index of the one that is in force
    every: float
    state: RampState
    next_at: float | None
    reason: str  # what it waits for, or why it ended
    now: GoldenSignals | None  # of the version, since the step began


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRule:
    """A rule, or what stands beside the rules, in words."""

    name: str  # "rule 2", with its own name where it has one; "all rules"
    requests: str  # which
    goes_to: str  # "v1 90 %, v2 10 %", "302 redirect to …"; empty: no matter where
    effects: tuple[str, ...]  # what else happens to them


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficState:
    revision: int
    policies: Mapping[str, Document]  # by service, in force
    versions: Mapping[str, tuple[str, ...]]  # that rules may name, by service
    drift: tuple[str, ...]  # services whose policy is not what the file says
    newest: Revision | None = None  # what brought about what is in force
    refused: str = ""  # why the file's policies were not taken over: Envoy's words, with their place
    trial: Trial | None = None  # that runs, or the one that ended last
    ramps: tuple[Ramp, ...] = ()  # the last of each service
    shown: Mapping[str, tuple[ShownRule, ...]] = field(default_factory=dict)  # the policies in words


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """A request as the router sees it."""

    service: str
    method: str = "GET"
    path: str = "/"  # with its query
    headers: Mapping[str, str] = field(default_factory=dict)
    caller: str = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsideredRule:
    name: str  # "rule 2", with its own name where it has one
    fits: bool
    why: str  # what fits, or the first thing that does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    request: RequestHead
    answered_by: str  # "steamer v1 90 %, v2 10 %", "redirect to …", "403: …"
    rules: tuple[ConsideredRule, ...]  # in their order, up to the one that holds
    steps: tuple[str, ...]  # what happens to the request on its way, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    file: str | None  # that was written; None: it says so already
    services: tuple[str, ...]  # whose policy it now says
    faults: tuple[Finding, ...] = ()  # that it now says as well


class TrafficControl(Protocol):
    """Each change is in force when it is answered.

    UsageError for edits that mean nothing, ConfigError (with places in the document) for policies that are not
    valid, ConflictError (PreconditionError) for what no longer is as was believed, RefusedPolicyError when Envoy
    refuses it: nothing has changed."""

    async def state(self) -> TrafficState: ...

    async def change(self, change: Change) -> ChangeResult: ...

    async def history(self, limit: int = 50) -> tuple[Revision, ...]:
        """The newest first."""
        ...

    async def diff(self, number: int, against: int | None = None) -> str:
        """Between two revisions; `against` None: what is in force."""
        ...

    async def drift(self) -> str:
        """A unified diff from the file to what is in force."""
        ...

    async def rollback(
        self,
        number: int | None = None,
        origin: Origin = Origin.API,
        why: str = "",
        if_revision: int | None = None,
        dry_run: bool = False,
    ) -> ChangeResult:
        """To a revision; None: the newest that says something else than what is in force and was no passing one.

        if_revision, dry_run: as in a `Change`."""
        ...

    async def start_trial(self, change: Change, seconds: float) -> Trial: ...

    async def end_trial(self, keep: bool) -> Trial: ...

    async def start_ramp(self, request: RampRequest) -> Ramp: ...

    async def end_ramp(self, service: str) -> Ramp: ...

    async def explain(self, request: RequestHead) -> Explanation: ...

    async def lint(self) -> Sequence[Finding]: ...

    async def save(self, services: Sequence[str] = ()) -> Saved:
        """Write what is in force into the project's file, keeping its comments and order. No `services` means all."""
        ...
