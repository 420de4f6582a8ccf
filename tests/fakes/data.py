"""A small cluster at rest, as fixed data: a storefront that calls orders, and orders a steamer with two versions."""

from __future__ import annotations

from sandbox.control import (
    Edge,
    InstanceStatus,
    LogLine,
    ProjectStatus,
    ProxyStatus,
    ServiceStatus,
    Signals,
    Status,
    TelemetrySnapshot,
    WatchStatus,
)
from sandbox.events import Event, Kind, Severity

NOW = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""


def instance(id: str, *, version: str = "v1", status: Status = Status.HEALTHY, port: int = 43121) -> InstanceStatus:
    return InstanceStatus(
        id=id,
        version=version,
        status=status,
        address=f"127.0.0.1:{port}",
        pid=4242,
        container=None,
        start="cold",
        restarts=0,
        started_at="2026-01-01T00:00:00Z",
        reason=None,
    )


def service(
    name: str,
    *,
    status: Status = Status.HEALTHY,
    reason: str | None = None,
    versions: tuple[str, ...] = ("v1",),
    depends_on: tuple[str, ...] = (),
    url: str | None = None,
    instances: tuple[InstanceStatus, ...] | None = None,
) -> ServiceStatus:
    """With one instance a version, unless `instances` says otherwise."""
    if instances is None:
        instances = tuple(instance(f"{name}-{version}-1", version=version, status=status) for version in versions)
    return ServiceStatus(
        name=name,
        status=status,
        reason=reason,
        url=url,
        ports=("8000",),
        versions=versions,
        depends_on=depends_on,
        replicas=len(instances),
        ready=sum(one.status is Status.HEALTHY for one in instances),
        instances=instances,
    )


def services() -> tuple[ServiceStatus, ...]:
    return (
        service("storefront", depends_on=("orders",), url="http://storefront.localhost:8080/"),
        service("orders", depends_on=("steamer",)),
        service("steamer", versions=("v1", "v2")),
    )


def project(
    *found: ServiceStatus,
    notices: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    watch: WatchStatus | None = None,
) -> ProjectStatus:
    """The bakery with the given services, or with its three healthy ones."""
    return ProjectStatus(
        project="bakery",
        id="bakery-1a2b3c",
        root="/apps/bakery",
        runtime="process",
        runtime_reason="no Docker engine answers",
        gateway="http://127.0.0.1:8080",
        ui="http://127.0.0.1:8090",
        otlp="http://127.0.0.1:4318",
        logs="/state/bakery-1a2b3c/logs",
        supervisor_pid=4000,
        services=found or services(),
        proxy=ProxyStatus(status=Status.HEALTHY, reason=None, pid=4001, version="1.40.0", rejected=()),
        watch=watch or WatchStatus(folders=3),
        warnings=warnings,
        notices=notices,
    )


def signals(rate: float = 12.5, errors: float = 0.0, p50: float | None = 3.2, p99: float | None = 18.0) -> Signals:
    """P95 is halfway between the others."""
    p95 = None if p50 is None or p99 is None else (p50 + p99) / 2
    return Signals(window=10.0, requests_per_second=rate, errors_per_second=errors, p50=p50, p95=p95, p99=p99)


def telemetry() -> TelemetrySnapshot:
    return TelemetrySnapshot(
        at=NOW,
        services={"storefront": signals(), "orders": signals(), "steamer": signals(errors=1.25, p99=220.0)},
        edges=(
            Edge(caller="gateway", callee="storefront", version="v1", signals=signals()),
            Edge(caller="storefront", callee="orders", version="v1", signals=signals()),
            Edge(caller="orders", callee="steamer", version="v1", signals=signals(rate=11.25)),
            Edge(caller="orders", callee="steamer", version="v2", signals=signals(rate=1.25, errors=1.25)),
        ),
    )


def events() -> tuple[Event, ...]:
    return (
        Event(kind=Kind.PROJECT_STARTING, message="bakery is starting", at=NOW),
        Event(
            kind=Kind.INSTANCE_HEALTHY,
            message="orders-v1-1 is healthy after 0.8 s",
            service="orders",
            instance="orders-v1-1",
            at=NOW + 1,
        ),
        Event(
            kind=Kind.INSTANCE_EXITED,
            message="steamer-v2-1 exited with code 1",
            service="steamer",
            instance="steamer-v2-1",
            severity=Severity.ERROR,
            detail="RuntimeError: out of steam",
            at=NOW + 2,
        ),
    )


def log_line(service: str = "orders", text: str = "GET /healthz 200", at: float = NOW) -> LogLine:
    return LogLine(at=at, service=service, instance=f"{service}-v1-1", text=text)


def log_lines() -> tuple[LogLine, ...]:
    return (
        log_line("storefront", "listening on 127.0.0.1:43121", NOW),
        log_line("orders", "listening on 127.0.0.1:43122", NOW + 1),
        log_line("steamer", "\x1b[32mready\x1b[0m", NOW + 2),
    )
