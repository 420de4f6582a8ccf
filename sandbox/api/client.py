"""A Control at the other end of the project's Unix socket, for the command line and the terminal UI."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from sandbox.api.clients.alerts import AlertsClient, DiagnosisClient
from sandbox.api.clients.load import LoadClient
from sandbox.api.clients.metrics import MetricsClient
from sandbox.api.clients.traces import TracesClient
from sandbox.api.clients.traffic import TrafficClient
from sandbox.api.clients.transport import Transport, decode
from sandbox.api.shapes import (
    Dropped,
    ExecRequest,
    LoginLink,
    LoginLinkRequest,
    ReloadRequest,
    ScaleRequest,
    ServicesRequest,
    WatchRequest,
)
from sandbox.control import (
    Control,
    ExecSpec,
    LogCounts,
    LogLine,
    LogQuery,
    ProjectStatus,
    ReloadTicket,
    TelemetrySnapshot,
    UpRequest,
)
from sandbox.events import Event, Kind, Severity


class Client(Control):
    """As `Transport` asks; a supervisor of another version is told `down` only, which is the way out."""

    def __init__(self, path: Path, *, looks_only: bool = False) -> None:
        """looks_only: whatever would change something is refused, by the other end."""
        self._transport = Transport(path, looks_only=looks_only)
        self._traffic = TrafficClient(self._transport)
        self._metrics = MetricsClient(self._transport)
        self._traces = TracesClient(self._transport)
        self._alerts = AlertsClient(self._transport)
        self._diagnosis = DiagnosisClient(self._transport)
        self._load = LoadClient(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is kept open between requests."""

    # --- Control -------------------------------------------------------------------------------------------------

    async def status(self) -> ProjectStatus:
        return await self._transport.get("/api/status", ProjectStatus)

    async def telemetry(self) -> TelemetrySnapshot:
        return await self._transport.get("/api/telemetry", TelemetrySnapshot)

    async def events(self, *, after: int = 0, follow: bool = False) -> AsyncGenerator[Event, None]:
        """With an event of kind `notice` where some are missing because this reader was too slow."""
        sequence = after
        async for event in self._transport.stream("/api/events", [("after", after), *_flag("follow", follow)], Event):
            if isinstance(event, Dropped):
                yield _dropped_events(event.dropped, sequence)
            else:
                sequence = event.sequence
                yield event

    async def log_counts(self) -> tuple[LogCounts, ...]:
        return await self._transport.ask_for("GET", "/api/logs/counts", tuple[LogCounts, ...])

    async def logs(self, query: LogQuery) -> AsyncGenerator[LogLine, None]:
        async for line in self._transport.stream("/api/logs", list(_log_parameters(query)), LogLine):
            if not isinstance(line, Dropped):
                yield line

    async def start(self, services: Sequence[str] = ()) -> None:
        await self._transport.send("POST", "/api/start", ServicesRequest(tuple(services)))

    async def stop(self, services: Sequence[str] = ()) -> None:
        await self._transport.send("POST", "/api/stop", ServicesRequest(tuple(services)))

    async def restart(self, services: Sequence[str] = ()) -> None:
        await self._transport.send("POST", "/api/restart", ServicesRequest(tuple(services)))

    async def scale(self, service: str, replicas: int, version: str | None = None) -> None:
        await self._transport.send(
            "PUT", f"/api/services/{quote(service, safe='')}/scale", ScaleRequest(replicas, version)
        )

    async def reload(self, service: str, version: str | None = None) -> ReloadTicket:
        target = f"/api/services/{quote(service, safe='')}/reload"
        return decode(await self._transport.send("POST", target, ReloadRequest(version)), ReloadTicket)

    async def watch(self, on: bool) -> None:
        await self._transport.send("PUT", "/api/watch", WatchRequest(on))

    async def down(self) -> None:
        await self._transport.send("POST", "/api/down", any_version=True)

    async def apply(self, request: UpRequest) -> None:
        await self._transport.send("PUT", "/api/project", request)

    async def exec_spec(self, target: str, argv: Sequence[str]) -> ExecSpec:
        answer = await self._transport.send("POST", "/api/exec", ExecRequest(target, tuple(argv)))
        return decode(answer, ExecSpec)

    @property
    def traffic(self) -> TrafficClient:
        return self._traffic

    @property
    def metrics(self) -> MetricsClient:
        return self._metrics

    @property
    def traces(self) -> TracesClient:
        return self._traces

    @property
    def alerts(self) -> AlertsClient:
        return self._alerts

    @property
    def diagnosis(self) -> DiagnosisClient:
        return self._diagnosis

    @property
    def load(self) -> LoadClient:
        return self._load

    # --- beyond Control ------------------------------------------------------------------------------------------

    async def login_link(self, *, look: bool = False, cockpit: bool = False) -> str:
        """A link that lets a browser in, once: to the page or the cockpit, to `look` only or to steer."""
        body = LoginLinkRequest(look=look, cockpit=cockpit)
        return (await self._transport.ask_for("POST", "/api/login-link", LoginLink, body)).url


def _log_parameters(query: LogQuery) -> Iterator[tuple[str, Any]]:
    for name, values in (("service", query.services), ("instance", query.instances), ("level", query.levels)):
        yield from ((name, str(value)) for value in values)
    for name in ("tail", "since", "until", "grep", "trace"):
        if (value := getattr(query, name)) is not None:
            yield name, value
    yield from _flag("follow", query.follow)


def _flag(name: str, on: bool) -> list[tuple[str, Any]]:
    return [(name, 1)] if on else []


def _dropped_events(count: int, sequence: int) -> Event:
    message = f"{count} events were missed here: this reader was too slow"
    return Event(kind=Kind.NOTICE, severity=Severity.WARNING, message=message, sequence=sequence)
