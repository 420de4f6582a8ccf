"""The composition root of the daemon: builds the parts, connects them, and takes them down in reverse."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.control import ExecSpec, ProjectStatus, ServiceStatus, UpRequest
from sandbox.daemon.configuration import Configuration
from sandbox.daemon.envoy import ShimEnvoy
from sandbox.daemon.ground import Grounds
from sandbox.daemon.late import LatePlane, imported
from sandbox.daemon.logbook import Logbook
from sandbox.daemon.notices import Notices
from sandbox.daemon.passedover import PassedOverWatch
from sandbox.daemon.proxyside import envoy_for, envoy_runs, relay_sockets
from sandbox.daemon.request import enter, environment_of, load_project
from sandbox.daemon.synced import Synced, SyncedDriver
from sandbox.daemon.syncing import Syncing
from sandbox.daemon.wire import Wire, Wired
from sandbox.errors import SandboxError
from sandbox.events import Bus, Event, Kind, Severity
from sandbox.model import Project
from sandbox.paths import ProjectPaths
from sandbox.ports import LOOPBACK, Ports
from sandbox.proxy.envoy import DRAINS_WITHIN
from sandbox.reload.change import Change
from sandbox.runtime.choice import Choice
from sandbox.runtime.client import ShimClient, ShimLost
from sandbox.runtime.process import ProcessDriver
from sandbox.runtime.selfexec import self_command
from sandbox.supervisor import views
from sandbox.supervisor.addresses import Addresses, sentences
from sandbox.supervisor.adoption import adopt
from sandbox.supervisor.cluster import Cluster, Hooks
from sandbox.supervisor.control import LocalControl, Parts, Sources, reconfigured
from sandbox.supervisor.desired import Desired, Wishes
from sandbox.supervisor.evidence import Evidence
from sandbox.supervisor.memory import Memory, MemoryFile, Recorder, remember
from sandbox.supervisor.passedover import with_passed_over
from sandbox.supervisor.proxy import ProxyKeeper
from sandbox.supervisor.surroundings import Otlp
from sandbox.supervisor.timeline import Timeline
from sandbox.supervisor.wiring import PROCESS, Ground, ports_of
from sandbox.tasks import Tasks

if TYPE_CHECKING:
    from sandbox.daemon.monitoring import Monitoring
    from sandbox.daemon.reloading import Reloading
    from sandbox.daemon.steering import TrafficSide

log = logging.getLogger(__name__)

_STATUS_PATIENCE = 0.5
"""Seconds an answer about the status waits for an ailing proxy."""

_DRAINED_AFTER = DRAINS_WITHIN + 2.0
"""Seconds after which a listener that was removed is gone."""

_SHUTDOWN_GRACE = 3.0
"""Seconds the shim gives what is left at the very end; all services have ended by then."""


async def serve(paths: ProjectPaths) -> int:
    """Run the project until `down`; told to end otherwise (SIGTERM), leave it running.

    Should the shim die, nothing that runs can be kept: what is left is ended, and everything started anew.
    """
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    daemon = Daemon(paths)
    async with AsyncExitStack() as stack:
        await daemon.open(stack)
        gc.freeze()
        gc.enable()
        await _first(told, daemon.down_asked, daemon.shim_lost)
        if daemon.down_asked.is_set():
            await daemon.stop_everything()
    if daemon.down_asked.is_set():
        await daemon.leave(told)
    elif daemon.shim_lost.is_set():
        from sandbox.daemon.launch import start_daemon

        log.error("the shim is gone; starting everything anew")
        await start_daemon(paths)
    return 0


async def _first(*events: asyncio.Event) -> None:
    waiting = Tasks()
    tasks = [waiting.spawn(event.wait(), name="wait for the end") for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await waiting.close()


class Daemon:
    """The parts of one running project."""

    def __init__(self, paths: ProjectPaths) -> None:
        self.down_asked = asyncio.Event()
        self._applying = asyncio.Lock()
        self.shim_lost = asyncio.Event()
        self._paths = paths
        self._timeline = Timeline(paths.timeline)
        self._bus = Bus(past=self._timeline.load(), keep=self._timeline.keep)
        self._notices = Notices(self._bus)
        self._tasks = Tasks(self._notices.failed)
        self._logbook = Logbook(paths.logs)
        self._memory = MemoryFile(paths.memory)
        self._recorder = Recorder(self._memory, self._not_recorded)
        self._configuration = Configuration(paths, self._bus, self._notices)
        self._looks: list[Callable[[], None]] = []  # whenever instances have changed

    # --- the beginning ------------------------------------------------------------------------------------------

    async def open(self, stack: AsyncExitStack) -> None:
        """Take over what runs, start the rest. SandboxError when the project can't be served at all."""
        project = self._configuration.open()
        request = self._configuration.request
        remembered = self._memory.load()
        stack.callback(self._recorder.flush)
        self._timeline.tell_of_trouble(self._notices.warn)
        self._shim = await ShimClient.connect(self._paths.shim_socket)
        stack.push_async_callback(self._shim.close)
        await self._open_runtimes(stack)
        self._choice, ground = await self._grounds.prepare(project, request.runtime or project.settings.runtime)
        stack.push_async_callback(self._tasks.close)
        runs = await envoy_runs(ground, self._grounds.docker, self._shim)
        self._open_front(project, remembered, stack, proxy_runs=runs)
        wired = self._wire.connect(project, ground)
        self._envoy = envoy_for(self._paths, project, ground, self._grounds.docker, self._shim, self._addresses)
        self._envoy.fit(ports_of(wired.topology, ground))
        envoy = await self._envoy.running()
        self._open_proxy(stack)
        desired = Desired(project=project, wishes=remembered.wishes())
        self._cluster = Cluster(self._driver, desired, wired.surroundings, self._bus, self._hooks())
        self._logbook.of(self._cluster)
        stack.callback(self._logbook.close)
        stack.push_async_callback(self._cluster.close)
        self._syncing = Syncing(self._driver, self._cluster, self._bus, self._grounds.is_container)
        stack.push_async_callback(self._syncing.close)
        self._keep_notices(wired)
        await self._begin(remembered, recovered=envoy is not None)
        # Services start meanwhile: what follows takes its time to import.
        await self._open_traffic(stack, wired)
        self._proxy.open(envoy)
        await self._open_reloading(stack)
        await self._open_api(stack)
        await self._open_monitoring(stack)

    async def _open_runtimes(self, stack: AsyncExitStack) -> None:
        processes = ProcessDriver(self._paths)
        await processes.open()
        stack.push_async_callback(processes.close)
        self._driver = SyncedDriver({PROCESS: processes}, Synced(self._paths.docker))
        self._grounds = Grounds(self._paths, self._driver, self._notices.engine)
        stack.push_async_callback(self._grounds.close)
        stack.push_async_callback(self._driver.close)

    def _open_front(self, project: Project, remembered: Memory, stack: AsyncExitStack, *, proxy_runs: bool) -> None:
        """Claim the ports people know."""
        self._addresses = Addresses(Ports(self._paths.id, dict(remembered.ports)), proxy_runs=proxy_runs)
        stack.callback(self._addresses.close)
        self._front = self._addresses.front(project)
        self._otlp_key = remembered.otlp_key or secrets.token_urlsafe(16)
        self._otlp_url = f"http://{LOOPBACK}:{self._front.otlp.getsockname()[1]}"
        self._ui_url = f"http://{LOOPBACK}:{self._front.ui.getsockname()[1]}"
        otlp = Otlp(endpoint=self._otlp_url, key=self._otlp_key)
        self._wire = Wire(self._addresses, self._paths, otlp, self._front.otlp.getsockname()[1])

    def _open_proxy(self, stack: AsyncExitStack) -> None:
        self._plane = plane = LatePlane(self._envoy.control_plane)
        stack.push_async_callback(plane.close)
        self._proxy = ProxyKeeper(self._envoy, plane, self._bus, on_change=lambda: None)
        stack.push_async_callback(self._proxy.close)
        self._tasks.spawn(plane.start(), name="start the control plane")

    async def _open_api(self, stack: AsyncExitStack) -> None:
        server = (await imported("sandbox.api.server")).ApiServer
        self._monitoring = await self._new_monitoring()
        await self._monitoring.prepare()
        self._traffic.measure(self._monitoring.metrics)
        api = server(
            LocalControl(self._cluster, self._bus, self._sources(), self._parts()),
            project_paths=self._paths,
            viewer=self._viewer,
        )
        await api.start_unix(self._paths.api_socket)
        await api.start_loopback(self._front.ui)
        stack.push_async_callback(api.close)

    def _viewer(self, look: bool) -> list[str]:
        """The terminal UI for a browser."""
        return self_command("sandbox", "__viewer", str(self._paths.api_socket), *(["--look"] if look else []))

    async def _open_monitoring(self, stack: AsyncExitStack) -> None:
        more = await relay_sockets(self._grounds.ground, self._front.otlp.getsockname()[1])
        await self._monitoring.open(stack, self._front.otlp, more)

    async def _new_monitoring(self) -> Monitoring:
        module = await imported("sandbox.daemon.monitoring")
        monitoring: Monitoring = module.Monitoring(
            module.Watched(
                paths=self._paths,
                cluster=self._cluster,
                driver=self._driver,
                bus=self._bus,
                notices=self._notices,
                tasks=self._tasks,
                status=self._status,
                policies=lambda: self._traffic.policies,
                printed=self._logbook.printed,
                admin=lambda: self._envoy.admin,
                callers=lambda: self._callers,
                plane=self._plane,
                otlp_key=self._otlp_key,
                received=self._logbook.received,
            )
        )
        return monitoring

    async def _open_traffic(self, stack: AsyncExitStack, wired: Wired) -> None:
        module = await imported("sandbox.daemon.steering")
        self._traffic: TrafficSide = module.TrafficSide(
            module.Around(
                paths=self._paths,
                cluster=self._cluster,
                keeper=self._proxy,
                bus=self._bus,
                notices=self._notices,
                tasks=self._tasks,
                recorded=lambda: self._monitoring.tracing.recent_heads(),
            )
        )
        stack.callback(self._traffic.close)
        self._tasks.spawn(self._begin_to_steer(wired), name="put the file's policies in force")
        passed_over = PassedOverWatch(self._bus, self._services)
        passed_over.open(self._tasks)
        self._looks.append(passed_over.look)

    async def _open_reloading(self, stack: AsyncExitStack) -> None:
        module = await imported("sandbox.daemon.reloading")
        self._reloading: Reloading = module.Reloading(
            self._paths,
            self._cluster,
            self._bus,
            last_lines=Evidence(self._logbook.printed).last_lines,
            is_image=lambda service, version: self._grounds.is_container(service.name),
            sync=self._syncing.take,
            reread=self._reread,
            read_at=lambda: self._configuration.read_at,
        )
        stack.push_async_callback(self._reloading.close)
        self._looks.append(self._reloading.look)
        self._reloading.watch(self._configuration.request.watch)

    async def _watch_shim(self) -> None:
        try:
            async for _ in self._shim.exits("proxy"):
                pass
        except ShimLost:
            self.shim_lost.set()

    async def _begin(self, remembered: Memory, *, recovered: bool) -> None:
        self._announce(recovered=recovered)
        project = self._cluster.desired.project
        for fact in await adopt(self._driver, remembered.instances, project, ended=recovered):
            self._cluster.tell(fact)
        self._tasks.spawn(self._cluster.run(), name="reconcile")
        self._tasks.spawn(self._hear_envoy(), name="hear Envoy")
        if not isinstance(self._envoy, ShimEnvoy):
            self._tasks.spawn(self._watch_shim(), name="watch the shim")

    async def _begin_to_steer(self, wired: Wired) -> None:
        """It goes on when Envoy is there, which services need not wait for."""
        project = self._cluster.desired.project
        if (refusal := await self._traffic.begin(project, wired.topology)) is not None:
            self._configuration.complain(refusal, project, "not all of its policies are in force until it is mended")

    def _sources(self) -> Sources:
        return Sources(
            status=self._status,
            served=lambda: self._proxy.served(_STATUS_PATIENCE),
            logs=self._logbook.lines,
            log_counts=self._logbook.counts,
            telemetry=self._monitoring.telemetry,
            exec_spec=self._exec_spec,
            reload=self._reloading.reload,
            watch=self._watch,
            apply=self._apply,
            down=self.down_asked.set,
        )

    def _parts(self) -> Parts:
        seen = self._monitoring
        return Parts(
            traffic=self._traffic.control,
            metrics=seen.metrics,
            traces=seen.traces,
            alerts=seen.alerts,
            diagnosis=seen.diagnosis,
            load=seen.load,
        )

    def _hooks(self) -> Hooks:
        return Hooks(
            endpoints_changed=lambda endpoints: self._proxy.publish(endpoints=endpoints),
            endpoints_served=self._proxy.served,
            state_changed=self._state_changed,
            printed=self._logbook.printed,
            claim_ports=self._addresses.of_instance,
            build_output=self._logbook.of_build,
            dial=self._envoy.dial,
        )

    # --- while it runs ------------------------------------------------------------------------------------------

    async def _apply(self, request: UpRequest, *, keep_wishes: bool = False) -> None:
        """`keep_wishes`: what was scaled or stopped by hand stays so. One after the other, or the older could win."""
        async with self._applying:
            await self._apply_now(request, keep_wishes)

    async def _apply_now(self, request: UpRequest, keep_wishes: bool) -> None:
        if self.down_asked.is_set():
            raise SandboxError("is being stopped", place=self._paths.id, hint="run: sandbox up, in a moment")
        await imported("sandbox.config.loader")  # not by what holds up the rest
        read_at, project = time.time(), load_project(request)
        choice, ground = await self._ground_for(project, request)
        wired = self._wire.connect(project, ground)
        if self._envoy.fit(ports_of(wired.topology, ground)):
            await self._envoy.stop()  # its keeper starts it anew
        await self._traffic.serve(project, wired.topology)
        self._tasks.spawn(self._give_back(self._addresses.leaving()), name="give ports back")
        self._configuration.taken(request, project, read_at)
        self._choice = choice
        self._keep_notices(wired)
        desired = self._cluster.desired
        if keep_wishes:
            self._cluster.wish(replace(desired, project=project), wired.surroundings)
        else:
            self._cluster.wish(reconfigured(desired, project), wired.surroundings)
            self._cluster.retry(project.services)
        self._reloading.follow(project)
        self._reloading.watch(request.watch)
        self._bus.publish(Event(kind=Kind.POLICY_APPLIED, message="the configuration was read again"))

    async def _give_back(self, wiring: int) -> None:
        """The ports of listeners that have left, when their connections have, too."""
        if await self._proxy.settled(_DRAINED_AFTER):
            await asyncio.sleep(_DRAINED_AFTER)
            self._addresses.give_back(wiring)

    async def _ground_for(self, project: Project, request: UpRequest) -> tuple[Choice, Ground]:
        before = dict(os.environ)
        enter(environment_of(request))
        try:
            return await self._grounds.prepare(project, request.runtime or project.settings.runtime)
        except BaseException:
            enter(before)
            raise

    async def _reread(self, change: Change) -> None:
        """The project's own files were saved. What is wrong with them is said, and changes nothing."""
        try:
            await self._apply(self._configuration.request, keep_wishes=True)
        except SandboxError as error:
            consequence = f"nothing changes until {change.paths[0].name} is mended"
            self._configuration.complain(error, self._cluster.desired.project, consequence)

    def _watch(self, on: bool) -> None:
        self._reloading.watch(on)
        self._configuration.watch(on)

    async def _hear_envoy(self) -> None:
        try:
            async for exit in self._envoy.exits():
                self._proxy.exited(exit.pid, exit.describe())
        except ShimLost:
            self.shim_lost.set()

    def _state_changed(self) -> None:
        self._remember()
        for look in self._looks:
            look()

    def _remember(self) -> None:
        """Save what a new supervisor needs."""
        cluster = self._cluster
        self._recorder.note(
            remember(
                cluster.desired.wishes, cluster.state.instances.values(), self._addresses.remembered, self._otlp_key
            )
        )

    def _not_recorded(self, error: SandboxError) -> None:
        """A full disk is said once for each change, and changes nothing else."""
        self._bus.publish(Event(kind=Kind.NOTICE, severity=Severity.ERROR, message=str(error)))

    # --- what is asked of it ------------------------------------------------------------------------------------

    def _status(self) -> ProjectStatus:
        desired = self._cluster.desired
        return ProjectStatus(
            project=desired.project.name,
            id=self._paths.id,
            root=str(desired.project.root),
            runtime=self._choice.runtime,
            runtime_reason=self._choice.reason,
            gateway=f"http://{LOOPBACK}:{self._ingress.gateway}",
            ui=self._ui_url,
            otlp=self._otlp_url,
            logs=str(self._paths.logs),
            supervisor_pid=os.getpid(),
            services=self._services(),
            proxy=self._proxy.status(),
            watch=self._reloading.status(),
            warnings=(*filter(None, [self._configuration.complaint]), *self._reloading.warnings()),
            notices=self._notices.kept,
        )

    def _services(self) -> tuple[ServiceStatus, ...]:
        found = views.services(self._cluster.desired, self._cluster.state, self._ingress)
        return with_passed_over(found, self._traffic.policies)

    def _exec_spec(self, instance: str, argv: Sequence[str]) -> ExecSpec:
        return self._driver.exec_spec(instance, argv)

    # --- what it says -------------------------------------------------------------------------------------------

    def _keep_notices(self, wired: Wired) -> None:
        self._ingress = wired.ingress
        self._callers = {str(one.http_proxy.port): one.name for one in wired.topology.callers if one.http_proxy}
        others = (*wired.remarks, *filter(None, [self._memory.notice]))
        moved = sentences({**wired.moved, **self._front.moved})
        self._notices.keep((*moved, *wired.edges_moved), others)

    def _announce(self, *, recovered: bool) -> None:
        name = self._cluster.desired.project.name
        if recovered:
            message = f"a new supervisor took over {name}; its services and proxy kept running"
            self._bus.publish(Event(kind=Kind.PROJECT_RECOVERED, severity=Severity.WARNING, message=message))
        else:
            self._bus.publish(Event(kind=Kind.PROJECT_STARTING, message=f"{name} starts"))

    # --- the end ------------------------------------------------------------------------------------------------

    async def stop_everything(self) -> None:
        """Instances first, so that they can still reach each other through the proxy while they finish."""
        self._bus.publish(Event(kind=Kind.PROJECT_STOPPING, message="everything is being stopped"))
        await self._cluster.stop_everything()
        await self._proxy.stop()
        await self._clear_runtimes()
        self._configuration.forget()
        self._timeline.forget()
        self._monitoring.forget()
        self._recorder.note(remember(Wishes(), (), self._addresses.remembered, ""))

    async def _clear_runtimes(self) -> None:
        """What an engine that is away can't be asked to remove, it is said to hold still."""
        try:
            await self._driver.clear()
        except SandboxError as error:
            log.error("not everything could be removed: %s", error)

    async def leave(self, told: asyncio.Event) -> None:
        """Have the shim end what is left. It tells this process to end in the course of that, before it answers."""
        with suppress(SandboxError):
            shim = await ShimClient.connect(self._paths.shim_socket)
            ending = self._tasks.spawn(shim.shut_down(_SHUTDOWN_GRACE), name="end the shim")
            waiting = self._tasks.spawn(told.wait(), name="wait to be told to end")
            await asyncio.wait([ending, waiting], return_when=asyncio.FIRST_COMPLETED)
