"""What requests carry and answers say where `sandbox.control` has no shape for it, and the names of our headers."""

from __future__ import annotations

from typing import Annotated

import msgspec

from sandbox.control import Change, LogLevel, Origin

INTENT_HEADER = "X-Sandbox"
"""Must be `1` on whatever changes something: no other site can make a browser send it without asking us first."""

LOOK_HEADER = "X-Sandbox-Look"
"""On the Unix socket: whoever asks wants to be refused whatever would change something."""

VERSION_HEADER = "X-Sandbox-Version"

KEEP_ALIVE = 10.0
"""A stream says nothing for at most this many seconds; then comes a blank line."""

Seconds = Annotated[float, msgspec.Meta(ge=0, description="seconds since the epoch")]
Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[int, msgspec.Meta(ge=0, description="only events with a greater sequence")] = 0
    follow: Annotated[bool, msgspec.Meta(description="then every new one, until the client leaves")] = False


class LogsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: Annotated[tuple[str, ...], msgspec.Meta(description="repeatable; none means all")] = ()
    tail: Annotated[Count, msgspec.Meta(description="the newest lines, of all chosen services together")] | None = None
    follow: Annotated[bool, msgspec.Meta(description="then every new one, until the client leaves")] = False
    since: Seconds | None = None
    until: Seconds | None = None
    instance: Annotated[tuple[str, ...], msgspec.Meta(description="repeatable; none means all")] = ()
    level: Annotated[tuple[LogLevel, ...], msgspec.Meta(description="repeatable; none means any, or none at all")] = ()
    grep: Annotated[str, msgspec.Meta(description="RE2, found anywhere in a line", max_length=4096)] | None = None
    trace: Annotated[str, msgspec.Meta(description="how the id of a trace begins", max_length=32)] | None = None


class ServicesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    services: tuple[str, ...] = ()  # none means all


class ScaleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    replicas: int
    version: str | None = None


class ReloadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str | None = None  # none means all


class WatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: bool


class ExecRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: str  # a service, or an instance's id
    argv: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50


class DiffQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    against: Annotated[int, msgspec.Meta(ge=0, description="a revision; none means what is in force")] | None = None


class Diff(msgspec.Struct, frozen=True):
    diff: str  # unified, of the documents as YAML


class RollbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: int | None = None  # none means the one before
    origin: Origin = Origin.API
    why: str = ""
    if_revision: int | None = None  # refused when another one is in force
    dry_run: bool = False  # say what would change, and change nothing


class TrialRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    change: Change
    seconds: Annotated[float, msgspec.Meta(gt=0, le=86400)]


class EndTrialRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: bool


class Exposition(msgspec.Struct, frozen=True):
    text: str


class Charts(msgspec.Struct, frozen=True):
    charts: tuple[str, ...]  # SVG, without colours of its own


class Picture(msgspec.Struct, frozen=True):
    svg: str  # without colours of its own


class SamplingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    per_second: Annotated[float, msgspec.Meta(ge=0)] | None = None
    everything: bool = False


class AlertsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    resolved: Annotated[bool, msgspec.Meta(description="also those of the last hour that are over")] = False


class SilenceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: str
    seconds: Annotated[float, msgspec.Meta(ge=0, le=30 * 86400)]
    subject: str | None = None  # none means all


class WhyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: Annotated[str | None, msgspec.Meta(description="a service, a trace id or a URL")] = None


class LoginLinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    look: bool = False  # whoever opens it may change nothing
    cockpit: bool = False  # it leads to the cockpit, not to the page


class LoginLink(msgspec.Struct, frozen=True):
    url: str  # lets a browser in, once, within some minutes


class VersionInfo(msgspec.Struct, frozen=True):
    version: str


class Dropped(msgspec.Struct, frozen=True):
    """A line of a stream: so many items are missing here, because the reader was too slow for them."""

    dropped: int
