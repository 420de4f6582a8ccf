"""Status, lifecycle, logs and the golden signals, and all protocols together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from sandbox.control.alerts import AlertsControl, DiagnosisControl
from sandbox.control.load import LoadControl
from sandbox.control.metrics import MetricsControl
from sandbox.control.traces import TracesControl
from sandbox.control.traffic import TrafficControl
from sandbox.events import Event


class Status(StrEnum):
    PENDING = "pending"
    BUILDING = "building"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    id: str
    version: str
    status: Status
    address: str | None  # "127.0.0.1:43121"; None where nothing listens yet or it has no port
    pid: int | None
    container: str | None
    start: str | None  # cold | warm: whether its process was forked from one that had imported its libraries
    restarts: int
    started_at: str | None  # RFC 3339, UTC
    reason: str | None  # why it is in this status, in plain words


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Versions that a rule of a service's policy names, and that get none of its requests for lack of an instance."""

    rule: int  # counted from 1
    versions: tuple[str, ...]
    instead: tuple[str, ...]  # who takes their share; empty: nobody can, requests are answered with 503
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    name: str
    status: Status
    reason: str | None
    url: str | None  # where a person opens it; None when it is not public
    ports: tuple[str, ...]  # "8000", "5432/tcp", or published, with the port it really has here, "18000:8000"
    versions: tuple[str, ...]
    depends_on: tuple[str, ...]
    replicas: int  # wanted
    ready: int  # taking traffic
    instances: tuple[InstanceStatus, ...]
    passed_over: tuple[PassedOver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyStatus:
    status: Status
    reason: str | None
    pid: int | None
    version: str | None  # Envoy's
    rejected: tuple[str, ...]  # what Envoy refused and still has not accepted, in its own words


class WatchState(StrEnum):
    ON = "on"
    PAUSED = "paused"  # what is saved waits for being resumed
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatus:
    """Whether services reload when their files are saved."""

    state: WatchState = WatchState.ON
    folders: int = 0  # that are watched
    polling: bool = False  # the system has no more watches to give
    waiting: Mapping[str, int] = field(default_factory=dict)  # saved files by service; "": the project's own


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatus:
    project: str
    id: str  # unique on this machine: two copies of one project differ
    root: str
    runtime: str
    runtime_reason: str  # why this runtime was chosen
    gateway: str | None
    ui: str | None
    otlp: str | None
    logs: str  # folder
    supervisor_pid: int
    services: tuple[ServiceStatus, ...]
    proxy: ProxyStatus
    watch: WatchStatus
    warnings: tuple[str, ...]  # what is wrong until somebody mends it
    notices: tuple[str, ...]  # what was moved, guessed or skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """The golden signals over the last `window` seconds. Latencies are milliseconds; None without traffic."""

    window: float
    requests_per_second: float
    errors_per_second: float  # 5xx and requests that got no answer
    p50: float | None
    p95: float | None = None
    p99: float | None

    @property
    def error_ratio(self) -> float:
        return self.errors_per_second / self.requests_per_second if self.requests_per_second else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Traffic of one caller towards one version of one callee."""

    caller: str
    callee: str
    version: str
    signals: Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySnapshot:
    at: float  # seconds since the epoch
    services: Mapping[str, Signals]  # by callee
    edges: tuple[Edge, ...]


class LogLevel(StrEnum):
    """From the least to the most urgent."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    services: tuple[str, ...] = ()  # empty: all
    instances: tuple[str, ...] = ()  # their ids; empty: all of the services
    tail: int | None = None  # the newest lines that fit, of all chosen services together; None: all that is kept
    follow: bool = False
    since: float | None = None  # seconds since the epoch
    until: float | None = None
    levels: tuple[LogLevel, ...] = ()  # empty: any, and lines without one
    grep: str | None = None  # a regular expression (RE2), found anywhere in the text without its colours
    trace: str | None = None  # the id of a trace, or how it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    at: float  # seconds since the epoch, when we read it
    service: str
    instance: str
    text: str  # without the line end; control characters other than colours removed
    truncated: bool = False
    level: LogLevel | None = None  # None: it names none
    trace: str | None = None  # 32 digits
    message: str | None = None  # of a structured line (JSON, logfmt)
    fields: Mapping[str, Any] = field(default_factory=dict)  # of a structured line: what else it says


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCounts:
    """What became of an instance's output, in bytes: written = dropped + kept, and the newest of what was kept is held.

    What is dropped is what of a flood is beyond the rate that is kept, and of a line beyond the longest.
    """

    service: str
    instance: str
    written: int
    dropped: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSpec:
    """How a client runs a command inside an instance: `argv` started by the client itself, on its own terminal."""

    argv: tuple[str, ...]
    cwd: str | None
    environment: Mapping[str, str] | None  # None: the client's own


class StatusControl(Protocol):
    async def status(self) -> ProjectStatus: ...

    def events(self, *, after: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """Kept events with a greater sequence, oldest first; with `follow`, then every new one."""
        ...


class LifecycleControl(Protocol):
    """Each returns once the wish is recorded; `wait` for the effect. Empty `services` means all."""

    async def start(self, services: Sequence[str] = ()) -> None: ...

    async def stop(self, services: Sequence[str] = ()) -> None: ...

    async def restart(self, services: Sequence[str] = ()) -> None: ...

    async def scale(self, service: str, replicas: int, version: str | None = None) -> None:
        """UsageError for a negative or absurd number, or when a version must be named."""
        ...

    async def down(self) -> None:
        """Stop everything, the supervisor last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UpRequest:
    """What `sandbox up` asks for; kept beside the project's state so that a new supervisor can read it again."""

    files: tuple[str, ...]  # absolute paths, merged in this order
    profiles: tuple[str, ...] = ()
    runtime: str | None = None  # None: as the files and profiles say
    project: str | None = None  # overrides the file's name
    watch: bool = True  # reload services when their files are saved
    environment: Mapping[str, str] = field(default_factory=dict)  # of whoever asks; empty: that of the last who did


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadTicket:
    """Events after `after` tell, with a report of this generation or a later one, how each version's reload went."""

    service: str
    generations: Mapping[str, int]  # by version
    after: int


class ReloadControl(Protocol):
    async def reload(self, service: str, version: str | None = None) -> ReloadTicket:
        """As if its source had been saved; without a version, all of them. UsageError when it is stopped."""
        ...

    async def watch(self, on: bool) -> None:
        """Hold back what is saved from now on, or apply what was held back and go on. Remembered by the project."""
        ...


class ConfigurationControl(Protocol):
    async def apply(self, request: UpRequest) -> None:
        """Read the configuration again and reconcile to it. ConfigError leaves everything as it was."""
        ...


class LogsControl(Protocol):
    def logs(self, query: LogQuery) -> AsyncIterator[LogLine]: ...

    async def log_counts(self) -> Sequence[LogCounts]:
        """Of every instance that has a log, those that were replaced included."""
        ...


class TelemetryControl(Protocol):
    async def telemetry(self) -> TelemetrySnapshot: ...


class ExecControl(Protocol):
    async def exec_spec(self, target: str, argv: Sequence[str]) -> ExecSpec:
        """`target` is a service (its first running instance) or an instance id."""
        ...


class Control(
    StatusControl,
    LifecycleControl,
    ReloadControl,
    ConfigurationControl,
    LogsControl,
    TelemetryControl,
    ExecControl,
    Protocol,
):
    """All of it, for the client and the supervisor; a screen asks for the part it needs."""

    @property
    def traffic(self) -> TrafficControl: ...

    @property
    def metrics(self) -> MetricsControl: ...

    @property
    def traces(self) -> TracesControl: ...

    @property
    def alerts(self) -> AlertsControl: ...

    @property
    def diagnosis(self) -> DiagnosisControl: ...

    @property
    def load(self) -> LoadControl: ...
