"""The Docker runtime: every instance is a container."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sandbox.control import ExecSpec
from sandbox.errors import RuntimeFailure
from sandbox.model import Project, Version
from sandbox.paths import ProjectPaths, make_private
from sandbox.runtime.base import Artifact, Exit, InstanceSpec, Output, Running, Workload
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.builds import Builder
from sandbox.runtime.docker.builds.pull import find_image
from sandbox.runtime.docker.containers import Frame, container_name, payload, to_create
from sandbox.runtime.docker.ends import exit_of, moment, signal_number
from sandbox.runtime.docker.engine import Conflict, Engine, EngineGone, NotThere
from sandbox.runtime.docker.inside import Inside
from sandbox.runtime.docker.layout import EngineFacts, Mesh, facts
from sandbox.runtime.docker.logs import Logs
from sandbox.runtime.docker.networks import Attachment, Demand, Networks
from sandbox.runtime.docker.program import Programs, not_started
from sandbox.runtime.docker.proxy import ProxyContainer
from sandbox.runtime.docker.records import Record, Records, running_of
from sandbox.runtime.docker.stream import Streams
from sandbox.runtime.docker.watch import EngineWatch
from sandbox.runtime.selfexec import self_command
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

T = TypeVar("T")

_BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
_DIES_WITHIN = 15.0
"""Seconds the engine may take to end a container that was killed."""

_RETURNS_WITHIN = 5.0
"""Seconds that stopping waits for an engine that went away."""

_PRUNES_AFTER = 30.0
_REGISTRY_ANSWERS_WITHIN = 5.0

_RETRY = 0.3
_YOUNG = 2.0


class DockerDriver:
    """Keeps the contract of `base.Driver`. `configure` comes between `open` and everything else."""

    name = "docker"

    def __init__(self, paths: ProjectPaths, host: Mapping[str, str], say: Callable[[str], None]) -> None:
        """`host` is the user's environment; `say` takes sentences about the engine, for people."""
        self._paths = paths
        self._host = host
        self._say = say
        self._records = Records()
        self._exits: asyncio.Queue[tuple[Exit, Record]] = asyncio.Queue()  # one for each container at most
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks = Tasks()
        self._starts = Tasks()
        self._frame: Frame | None = None
        self._log_limit = 0
        self._pruning: asyncio.Task[None] | None = None

    # --- the whole ----------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """RuntimeFailure when no engine on this machine answers."""
        self._engine = await Engine.connect(self._host)
        socket = self._engine.endpoint.socket
        assert socket is not None  # `ping` refuses others
        self._streams = Streams(socket, self._engine.version)
        self._programs = Programs(self._engine)
        self._logs = Logs(self._paths.logs, self._streams)
        self.networks = Networks(self._engine, self._paths.id, self._paths.docker / "network.json")
        self.facts = await self._facts()
        self.proxy = ProxyContainer(self._engine, self.networks, self._logs, self._paths)
        self._watch = EngineWatch(
            self._engine.endpoint, self._streams, self._paths.id, self._hear, self._lost, self._returned
        )
        await self._watch.open()

    async def lacking(self, wanted: Collection[str]) -> str | None:
        """Why not all of these images can be had, in a sentence; None when they can."""
        for image in sorted(wanted):
            if await find_image(self._engine, image) is None:
                try:
                    async with asyncio.timeout(_REGISTRY_ANSWERS_WITHIN):
                        await self._engine.call(_registry_has(image))
                except TimeoutError:
                    return f"the image {image} is not here, and its registry does not answer"
                except RuntimeFailure as error:
                    return f"the image {image} is not here and can't be pulled ({error.message})"
        return None

    async def configure(self, project: Project, services: Collection[str], names: Mapping[str, str]) -> Mesh:
        """Have networks for the services that run in containers. `names`: host names for all of them to know, each
        with "proxy" or an address. The first time, take over what runs."""
        first = self._frame is None
        await asyncio.to_thread(make_private, self._paths.docker)
        settings = project.settings.docker
        ports = {
            name: [port.number for port in service.ports] if service.ports else []
            for name, service in project.services.items()
            if name in services
        }
        demand = Demand(ports=ports, proxy=settings.proxy, pools=settings.address_pools)
        mesh = await self.networks.prepare(demand, self.facts)
        self._frame = Frame(id=self._paths.id, project=project, memory=self.facts.memory, names=names)
        self._log_limit = project.settings.log_max_bytes
        self._builder = Builder(self._engine, self._paths.id, settings.images, self._host)
        if first:
            await self._take_over()
        return mesh

    async def close(self) -> None:
        await self._watch.close()
        await self._starts.close()
        await self._tasks.close()
        await self._logs.close()
        await self._streams.close()
        await self._engine.close()

    async def clear(self) -> None:
        """Remove every container and network of the project; what ran is ended, and what was to start never does."""
        await self._starts.close()
        await self._engine.quiet()
        found = await self._engine.call(lambda api: api.containers(all=True, filters=labels.filters(self._paths.id)))
        await asyncio.gather(*(self._remove(str(one["Id"])) for one in found))
        await self.networks.remove_all()
        await asyncio.to_thread(shutil.rmtree, self._paths.docker, ignore_errors=True)

    # --- instances ----------------------------------------------------------------------------------------------

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        await self._watch.there.wait()
        built = await self._builder.prepare(workload, output)
        self._prune_soon()
        return Artifact(
            fingerprint=_fingerprint(built.image, built.argv, workload.version),
            argv=built.argv,
            cwd=Path("/"),
            image=built.image,
            origin=built.origin,
        )

    async def start(self, spec: InstanceSpec) -> Running:
        starting: asyncio.Task[Running] = self._starts.spawn(self._start(spec), name=f"start {spec.id}")
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._tasks.spawn(self._undo(starting, spec.id), name=f"undo the start of {spec.id}")
            raise

    async def stop(self, instance: str, grace: float) -> None:
        record = self._records.alive(instance)
        if record is None:
            return
        record.stop_asked = True
        await _set_within(record.started, _DIES_WITHIN)
        await self._signal(record, None)
        if not await _set_within(record.ended, grace):
            await self._signal(record, signal.SIGKILL)
            if not await _set_within(record.ended, _DIES_WITHIN):
                raise RuntimeFailure("the engine does not end it", place=instance, hint="see: docker ps; docker info")

    async def running(self) -> tuple[Running, ...]:
        await self._present()
        return tuple([running_of(details) for details in await self._details("running")])

    async def exits(self) -> AsyncIterator[Exit]:
        while True:
            exit, record = await self._exits.get()
            try:
                yield exit
            finally:
                self._tasks.spawn(self._discard(record), name=f"remove {record.container[:12]}")

    async def run(self, instance: str, argv: Sequence[str], timeout: float) -> tuple[int, str]:
        record = self._records.alive(instance)
        if record is None:
            raise RuntimeFailure(f"{instance} is not running", place=instance)
        return await Inside(self._engine, self._streams, record.container, instance).run(argv, timeout)

    def exec_spec(self, instance: str, argv: Sequence[str]) -> ExecSpec:
        record = self._records.alive(instance)
        if record is None:
            raise KeyError(instance)
        words = self_command("sandbox.runtime.docker.attach", self._engine.endpoint.url, record.container, *argv)
        return ExecSpec(argv=tuple(words), cwd=None, environment=None)

    # --- starting -----------------------------------------------------------------------------------------------

    async def _start(self, spec: InstanceSpec) -> Running:
        async with self._lock(spec.id):
            if self._records.alive(spec.id) is not None:
                raise RuntimeFailure(f"{spec.id} is already running", place=spec.id)
            try:
                return await self._patiently(lambda: self._make_and_start(spec))
            except RuntimeFailure:
                with suppress(RuntimeFailure):
                    await self.networks.detach(spec.id)
                raise

    async def _make_and_start(self, spec: InstanceSpec) -> Running:
        await asyncio.to_thread(_create_folders, spec.workload.version, spec.id)
        attachment = await self.networks.attach(spec.id, spec.service)
        container = await self._make(spec, attachment)
        record = Record(container=container, instance=spec.id, service=spec.service)
        self._records.add(record)  # before it starts, or its end could come unheard
        try:
            await self._programs.check(container, spec.artifact.fingerprint, spec.id)
            await self._engine.call(lambda api: api.start(container), place=spec.id)
            details = await self._engine.call(lambda api: api.inspect_container(container), place=spec.id)
        except EngineGone:  # what is left of it is removed when it is made again
            self._records.remove(record)
            raise
        except RuntimeFailure as error:
            self._records.remove(record)
            await self._remove(container)
            raise _explained(error, spec) from error
        else:
            record.running = running_of(details, attachment.address)
            self._logs.follow(record.running, spec.log_max_bytes, anew=True)
            return record.running
        finally:
            record.started.set()

    async def _make(self, spec: InstanceSpec, attachment: Attachment) -> str:
        """The new container's id. What has the name is left over, since we know of no such instance."""
        assert self._frame is not None
        name, body = container_name(self._paths.id, spec.id), payload(spec, self._frame, attachment)
        for attempt in (1, 2):
            try:
                made = await self._engine.call(lambda api: api.create_container_from_config(body, name), place=spec.id)
                return str(made["Id"])
            except Conflict:
                if attempt == 2:
                    raise
                await self._remove_left_over(name)
            except NotThere as error:
                hint = "build it again: sandbox restart"
                raise RuntimeFailure(f"its image is gone: {error.message}", place=spec.id, hint=hint) from error
        raise AssertionError("unreachable")

    async def _remove_left_over(self, name: str) -> None:
        try:
            found = await self._engine.call(lambda api: api.inspect_container(name))
        except NotThere:
            return
        if (found["Config"].get("Labels") or {}).get(labels.PROJECT) != self._paths.id:
            raise RuntimeFailure(
                f"there is a container {name} that is not ours", place="docker", hint=f"remove it: docker rm -f {name}"
            )
        await self._remove(str(found["Id"]))

    async def _undo(self, starting: asyncio.Task[Running], instance: str) -> None:
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            await self.stop(instance, 0.0)

    # --- ending -------------------------------------------------------------------------------------------------

    async def _signal(self, record: Record, number: int | None) -> None:
        """`number` None: the signal that the image or the file names for stopping."""
        await self._present()

        def send(api: Any) -> None:
            details = api.inspect_container(record.container)
            if number is None and _is_young(details):
                _wait_for_init(api, record.container)
            api.kill(record.container, number or details["Config"].get("StopSignal") or "SIGTERM")

        try:
            await self._engine.call(send, place=record.instance)
        except NotThere:
            self._ended(record)
        except RuntimeFailure as error:
            if "is not running" not in error.message:
                raise
            self._ended(record)

    def _hear(self, action: str, actor: Mapping[str, Any]) -> None:
        container = str(actor.get("ID"))
        record = self._records.of_container(container)
        if record is None:
            if action in ("die", "destroy") and container == self.proxy.container:
                self._tasks.spawn(self.proxy.ended(), name="hear the end of the proxy")
            return
        details = actor.get("Attributes") or {}
        if action == "kill" and not record.stop_asked:
            record.stopped_by = signal_number(str(details.get("signal", "")))
        elif action in ("die", "destroy"):
            record.code = int(details.get("exitCode", record.code))
            self._ended(record)

    def _ended(self, record: Record) -> None:
        if not record.told:
            record.told = True
            self._tasks.spawn(self._tell_end(record), name=f"hear the end of {record.instance}")

    async def _tell_end(self, record: Record) -> None:
        await record.started.wait()
        details: Mapping[str, Any] = {"State": {"ExitCode": record.code}}
        with suppress(NotThere):
            details = await self._patiently(
                lambda: self._engine.call(lambda api: api.inspect_container(record.container))
            )
        await self._logs.finish(record.container)
        pid = record.running.pid if record.running else None
        exit = exit_of(record.instance, pid, details, stopped_by=record.stopped_by)
        self._exits.put_nowait((replace(exit, at=exit.at or time.time()), record))
        record.ended.set()

    async def _discard(self, record: Record) -> None:
        """Remove what is left of an instance whose end is known."""
        async with self._lock(record.instance):
            newest = self._records.of_instance(record.instance) is record
            await self._remove(record.container)
            self._records.remove(record)
            if newest:
                await self.networks.detach(record.instance)

    async def _remove(self, container: str) -> None:
        """With its anonymous volumes."""
        try:
            await self._engine.call(lambda api: api.remove_container(container, v=True, force=True))
        except NotThere:
            pass
        except Conflict as error:
            if "already in progress" not in error.message:
                raise

    def _prune_soon(self) -> None:
        """Once all that is being built is there."""
        if self._pruning is None or self._pruning.done():
            self._pruning = self._tasks.spawn(self._prune(), name="remove old images")

    async def _prune(self) -> None:
        await asyncio.sleep(_PRUNES_AFTER)
        used = await self._details()
        await self._builder.prune({str(one["Image"]) for one in used})

    # --- the engine ---------------------------------------------------------------------------------------------

    async def _facts(self) -> EngineFacts:
        info, version = await self._engine.call(lambda api: (api.info(), api.version()))
        filters = await asyncio.to_thread(_filters_bridges)
        known = bool(info.get("BridgeNfIptables", False)) if filters is None else filters
        return facts(info, version, linux=sys.platform == "linux", filters_bridges=known)

    async def _take_over(self) -> None:
        """What an earlier supervisor left: what runs is ours, what ended is told, what never ran is removed."""
        assert self._frame is not None
        for details in await self._details():
            running = running_of(details)
            state = str((details.get("State") or {}).get("Status"))
            has_lost_its_network = state == "running" and not running.host
            if state == "created" or has_lost_its_network or not running.id:
                await self._remove(str(running.container))
                continue
            marks = details["Config"]["Labels"]
            record = Record(container=str(running.container), instance=running.id, service=str(marks[labels.SERVICE]))
            record.running = running
            record.started.set()
            self._records.add(record)
            if running.host:
                self.networks.adopt(record.instance, record.service, running.host)
            self._logs.follow(running, self._log_limit, anew=False)
            if state != "running":
                self._ended(record)
        await self.networks.remove_strangers()

    async def _details(self, *status: str) -> list[dict[str, Any]]:
        """The engine's descriptions of the project's instances."""
        wanted = {**labels.filters(self._paths.id, **{labels.ROLE: "service"}), "status": list(status)}

        def ask(api: Any) -> list[dict[str, Any]]:
            found = []
            for one in api.containers(all=True, filters=wanted):
                try:
                    found.append(api.inspect_container(one["Id"]))
                except Exception as error:
                    if getattr(error, "status_code", None) != 404:
                        raise
            return found

        return await self._engine.call(ask)

    def _lost(self, why: str) -> None:
        self._say(f"the Docker engine went away: {why}. What runs goes on; nothing can be started or stopped meanwhile")

    async def _returned(self) -> None:
        """Nothing was heard while it was away: look."""
        alive = {running.container for running in await self._patiently(self.running)}
        for record in self._records:
            if record.running and record.container not in alive and not record.told:
                record.stopped_by = record.stopped_by or signal.SIGTERM  # by the engine's own end
                self._ended(record)
        await self.proxy.look()
        self._say("the Docker engine is back")

    async def _present(self) -> None:
        if not await _set_within(self._watch.there, _RETURNS_WITHIN):
            raise EngineGone(
                "the engine does not run", place="docker", hint="start it, such as: sudo systemctl start docker"
            )

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for an engine that is away, and try again what its going away broke."""
        while True:
            await self._watch.there.wait()
            try:
                return await work()
            except EngineGone as error:
                log.warning("trying again: %s", error)
                await asyncio.sleep(_RETRY)

    def _lock(self, instance: str) -> asyncio.Lock:
        return self._locks.setdefault(instance, asyncio.Lock())


def _create_folders(version: Version, place: str) -> None:
    for folder in to_create(version):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            continue  # a file, which is mounted as it is
        except OSError as error:
            raise RuntimeFailure(
                f"{folder} can't be made: {error.strerror}", place=place, hint="check the path under volumes"
            ) from error


def _registry_has(image: str) -> Callable[[Any], Any]:
    return lambda api: api.inspect_distribution(image)


def _filters_bridges() -> bool | None:
    try:
        return _BRIDGE_FILTER.read_text().strip() == "1"
    except OSError:
        return None


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


def _is_young(details: Mapping[str, Any]) -> bool:
    started = moment(str((details.get("State") or {}).get("StartedAt", ""))) or 0.0
    return time.time() - started < _YOUNG


def _wait_for_init(api: Any, container: str) -> None:
    """Until the init process has started the program. Before, a polite signal is lost: Linux drops what the first
    process of a PID namespace has no handler for, pid_namespaces(7)."""
    deadline = time.monotonic() + _YOUNG
    while len(api.top(container)["Processes"] or ()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)


def _fingerprint(image: str, argv: tuple[str, ...], version: Version) -> str:
    """Of all that a container is made from, but for its environment."""
    told = (
        image,
        argv,
        version.entrypoint,
        version.user,
        version.working_dir,
        version.mounts,
        version.limits,
        sorted(version.labels.items()),
        (version.read_only, version.cap_add, version.hardened, version.stop_signal),
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _explained(error: RuntimeFailure, spec: InstanceSpec) -> RuntimeFailure:
    program = next(iter(spec.workload.version.entrypoint or spec.artifact.argv), "")
    told = not_started(error.message, program, spec.id)
    return RuntimeFailure(told.message, place=spec.id, hint=told.hint or error.hint)
