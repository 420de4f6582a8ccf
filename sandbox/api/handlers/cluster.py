"""Status, lifecycle, logs and events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from sandbox import __version__
from sandbox.api.shapes import (
    Dropped,
    EventsQuery,
    ExecRequest,
    LoginLink,
    LoginLinkRequest,
    LogsQuery,
    ReloadRequest,
    ScaleRequest,
    ServicesRequest,
    VersionInfo,
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
from sandbox.events import Event


class Handlers:
    """login_link: makes a link that lets a browser in, once."""

    def __init__(self, control: Control, login_link: Callable[[LoginLinkRequest], str]) -> None:
        self._control = control
        self._login_link = login_link

    async def version(self) -> VersionInfo:
        """The supervisor's version."""
        return VersionInfo(__version__)

    async def status(self) -> ProjectStatus:
        """The project, its services and their instances."""
        return await self._control.status()

    async def telemetry(self) -> TelemetrySnapshot:
        """The golden signals of each service and each edge."""
        return await self._control.telemetry()

    async def events(self, query: EventsQuery) -> AsyncIterator[Event | Dropped]:
        """What happened, oldest first, one JSON object a line."""
        last = query.after
        async for event in self._control.events(after=query.after, follow=query.follow):
            if last and event.sequence > last + 1:
                yield Dropped(event.sequence - last - 1)
            last = event.sequence
            yield event

    async def log_counts(self) -> tuple[LogCounts, ...]:
        """What became of all that each instance wrote, in bytes: written, dropped of floods, held."""
        return tuple(await self._control.log_counts())

    def logs(self, query: LogsQuery) -> AsyncIterator[LogLine]:
        """What services printed, oldest first, one JSON object a line."""
        return self._control.logs(
            LogQuery(
                services=query.service,
                instances=query.instance,
                tail=query.tail,
                follow=query.follow,
                since=query.since,
                until=query.until,
                levels=query.level,
                grep=query.grep,
                trace=query.trace,
            )
        )

    async def start_service(self, name: str) -> None:
        """Start a service."""
        await self._control.start([name])

    async def stop_service(self, name: str) -> None:
        """Stop a service."""
        await self._control.stop([name])

    async def restart_service(self, name: str) -> None:
        """Restart a service."""
        await self._control.restart([name])

    async def reload(self, name: str, body: ReloadRequest) -> ReloadTicket:
        """Reload a service, or one of its versions, as if its source had been saved."""
        return await self._control.reload(name, body.version)

    async def watch(self, body: WatchRequest) -> None:
        """Hold back what is saved from now on, or apply what was held back and go on."""
        await self._control.watch(body.on)

    async def scale(self, name: str, body: ScaleRequest) -> None:
        """Change how many instances of a service, or of one of its versions, are wanted."""
        await self._control.scale(name, body.replicas, body.version)

    async def start(self, body: ServicesRequest) -> None:
        """Start some services, or all."""
        await self._control.start(body.services)

    async def stop(self, body: ServicesRequest) -> None:
        """Stop some services, or all; the proxy and the supervisor go on."""
        await self._control.stop(body.services)

    async def restart(self, body: ServicesRequest) -> None:
        """Restart some services, or all."""
        await self._control.restart(body.services)

    async def down(self) -> None:
        """Stop everything, the supervisor last."""
        await self._control.down()

    async def apply(self, body: UpRequest) -> None:
        """Read the configuration again and reconcile to it."""
        await self._control.apply(body)

    async def exec_spec(self, body: ExecRequest) -> ExecSpec:
        """How to run a command inside an instance."""
        return await self._control.exec_spec(body.target, body.argv)

    async def login_link(self, body: LoginLinkRequest) -> LoginLink:
        """A link that lets a browser in, once."""
        return LoginLink(self._login_link(body))
