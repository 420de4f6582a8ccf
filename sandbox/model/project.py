"""Services, their versions, and what a project is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sandbox.model.alerts import AlertSettings, Objectives
from sandbox.model.telemetry import TelemetrySettings
from sandbox.model.traffic import MeshSettings, TrafficPolicy

DEFAULT_VERSION = "v1"
"""The version of a service that declares none."""

GATEWAY = "gateway"
"""The caller's name under which requests from outside the cluster appear; no service may be called this."""


class AppProtocol(StrEnum):
    """What is spoken on a port, after Kubernetes' `appProtocol`."""

    HTTP = "http"
    GRPC = "grpc"  # HTTP/2 without TLS towards the service
    TCP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    number: int
    protocol: AppProtocol = AppProtocol.HTTP
    published: int | None = None  # also reachable on 127.0.0.1:published


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    context: Path
    dockerfile: str | None = None
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """Healthy when GET `path` on the service's first port answers 200-399."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandProbe:
    """Healthy when the command exits 0 inside the instance."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpProbe:
    """Healthy when the service's first port accepts a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoProbe:
    """Healthy as long as it runs (no port to ask, or the check is disabled)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalleeRef:
    """`${services.NAME.url|host|port}`: where the caller finds a callee, known only once addresses are given out."""

    service: str
    attribute: str  # url | host | port


@dataclass(frozen=True, slots=True)
class Template:
    """A value with references to callees in it."""

    parts: tuple[str | CalleeRef, ...]

    def render(self, resolve: Callable[[CalleeRef], str]) -> str:
        return "".join(part if isinstance(part, str) else resolve(part) for part in self.parts)

    @property
    def callees(self) -> tuple[str, ...]:
        return tuple(part.service for part in self.parts if isinstance(part, CalleeRef))


Probe = HttpProbe | CommandProbe | TcpProbe | NoProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """Compose's semantics: failures within `start_period` seconds of the start do not count."""

    probe: Probe
    interval: float = 2.0
    timeout: float = 2.0
    retries: int = 3
    start_period: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    memory: int | None = None  # bytes
    cpus: float | None = None
    pids: int | None = None


class MountKind(StrEnum):
    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One entry of Compose's `volumes` or `tmpfs`. Docker runtime only."""

    kind: MountKind
    source: str | None  # bind: an absolute path on the host; volume: its key under `volumes`, None for an anonymous one
    target: str  # an absolute path in the container
    read_only: bool = False
    create: bool = False  # bind: a source that is not there becomes a folder; else starting fails
    selinux: str | None = None  # bind: z (shared) or Z (private), how the source is relabelled where SELinux is on
    nocopy: bool = False  # volume: it stays empty instead of taking over what the image has at the target
    size: int | None = None  # bytes, of a tmpfs
    mode: int | None = None  # permission bits of a tmpfs; None: 1777


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A named volume of the project. It outlives `down`, and ends with `down --purge` unless it is external."""

    name: str | None = None  # the engine's name for it; None: made from the project and the key
    external: bool = False


class RestartPolicy(StrEnum):
    NO = "no"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRule:
    """One entry of Compose's `develop.watch`."""

    path: Path  # a file or a folder
    action: str  # restart | rebuild | sync | sync+restart | sync+exec
    target: str | None = None  # where `path` is in the containers; every sync has one
    ignore: tuple[str, ...] = ()  # in .dockerignore's words, relative to `path`
    include: tuple[str, ...] = ()  # the same; empty: everything
    command: tuple[str, ...] | None = None  # of sync+exec: run in the containers after the copies
    initial_sync: bool = False  # copy everything once when watching starts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadSettings:
    """What happens to a version when its files are saved, and to an instance that another one replaces."""

    watch: bool = True  # False: a save leads to nothing
    warm: bool = True  # its instances may be forked from a process that has imported their libraries
    drain: float = 10.0  # seconds that an instance which left traffic may take to finish what it was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One deployable variant of a service. Exactly one of `build` and `image` is set."""

    name: str
    build: Build | None
    image: str | None = None
    command: tuple[str, ...] | None = None  # None: detected from the folder
    environment: Mapping[str, Template] = field(default_factory=dict)
    healthcheck: Healthcheck
    replicas: int = 1
    limits: Limits = field(default_factory=Limits)
    restart: RestartPolicy = RestartPolicy.ON_FAILURE
    stop_grace_period: float = 10.0
    watch: tuple[WatchRule, ...] = ()
    reload: ReloadSettings = field(default_factory=ReloadSettings)
    # What only containers have. The process runtime names what it leaves out.
    entrypoint: tuple[str, ...] | None = None  # None: the image's; (): none at all
    user: str | None = None  # name, uid, or either with :group
    working_dir: str | None = None
    stop_signal: str | None = None  # "SIGINT"; None: the image's
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    pull_policy: str = "missing"  # always | missing | never
    read_only: bool = False  # the root file system
    cap_add: tuple[str, ...] = ()  # given back of the capabilities that are dropped; never NET_RAW or NET_ADMIN
    hardened: bool = True  # False: the engine's own defaults, but for the two capabilities above


def container_only(version: Version) -> tuple[str, ...]:
    """The keys of a version, in the file's words, that a process can't be given: it would run as something else.

    Without those that make no difference to what runs (labels, pull_policy, hardened).
    """
    kinds = {mount.kind for mount in version.mounts}
    given = {
        "image": version.build is None and version.image is not None,
        "entrypoint": version.entrypoint is not None,
        "user": version.user is not None,
        "working_dir": version.working_dir is not None,
        "stop_signal": version.stop_signal is not None,
        "volumes": bool(kinds - {MountKind.TMPFS}),
        "tmpfs": MountKind.TMPFS in kinds,
        "read_only": version.read_only,
        "cap_add": bool(version.cap_add),
    }
    return tuple(key for key, is_given in given.items() if is_given)


class Condition(StrEnum):
    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    service: str
    condition: Condition = Condition.STARTED


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """A host outside the cluster that is called like a service: `external: https://api.example.com:8443`."""

    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    name: str
    versions: tuple[Version, ...]  # at least one, in the order of the file
    ports: tuple[Port, ...] = ()  # the first is the one `PORT` names
    public: bool = False
    depends_on: tuple[Dependency, ...] = ()  # what it calls; also its edges in the graph
    runtime: str | None = None  # process | docker; None: the project's
    external: External | None = None  # a host outside instead of instances of ours; its one version has neither
    objectives: Objectives = field(default_factory=Objectives)

    def version(self, name: str) -> Version:
        """Raises KeyError when there is no such version."""
        for version in self.versions:
            if version.name == name:
                return version
        raise KeyError(name)

    @property
    def callees(self) -> tuple[str, ...]:
        return tuple(dependency.service for dependency in self.depends_on)


# --- the project --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSettings:
    proxy: str = "auto"  # where Envoy runs: auto | host | container
    address_pools: tuple[str, ...] = ()  # CIDR ranges to choose a project's addresses from; empty: our own choice
    images: Mapping[str, str] = field(default_factory=dict)  # what is used instead of a default image, by its purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What profiles set: ports are preferences, taken ones are replaced and named."""

    runtime: str = "auto"  # auto | process | docker
    gateway_port: int = 8080
    ui_port: int = 8090
    otlp_port: int = 4318
    stats_interval: float = 1.0
    log_max_bytes: int = 16 * 1024 * 1024  # per instance, all rotated files together
    reload: ReloadSettings = field(default_factory=ReloadSettings)  # of services that say nothing else
    docker: DockerSettings = field(default_factory=DockerSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    name: str
    root: Path  # folder of the first file; relative paths in the file start here
    files: tuple[Path, ...]  # every file read, profiles included
    services: Mapping[str, Service]  # in the order of the file
    traffic: Mapping[str, TrafficPolicy] = field(default_factory=dict)  # by callee
    mesh: MeshSettings = field(default_factory=MeshSettings)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Where traffic stands in the files: `traffic.SERVICE` and `traffic.SERVICE.rules[0]` to `file:line:column`."""

    @property
    def default_service(self) -> Service | None:
        """The first public service: it also answers on hosts the gateway does not know."""
        return next((service for service in self.services.values() if service.public), None)

    def callers_of(self, callee: str) -> tuple[str, ...]:
        return tuple(name for name, service in self.services.items() if callee in service.callees)
