"""The Docker runtime: every instance is a container."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sandbox.control import ExecSpec
from sandbox.errors import RuntimeFailure
from sandbox.model import Project, Version
from sandbox.paths import ProjectPaths, make_private
from sandbox.runtime.base import Artifact, Exit, InstanceSpec, Output, Running, Usage, Workload
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.autotrace import Brought, ContainerAutoTrace
from sandbox.runtime.docker.builds import Builder
from sandbox.runtime.docker.builds.pull import find_image
from sandbox.runtime.docker.containers import Frame, payload, to_create
from sandbox.runtime.docker.endpoint import find
from sandbox.runtime.docker.engine import Engine, EngineGone
from sandbox.runtime.docker.inside import Inside
from sandbox.runtime.docker.layout import EngineFacts, Mesh, facts
from sandbox.runtime.docker.lives import Lives
from sandbox.runtime.docker.logs import Logs
from sandbox.runtime.docker.maker import Maker
from sandbox.runtime.docker.networks import Attachment, Demand, Networks
from sandbox.runtime.docker.program import Programs, not_started
from sandbox.runtime.docker.proxy import ProxyContainer
from sandbox.runtime.docker.records import UNHEARD, Record, Records, running_of
from sandbox.runtime.docker.saves import bring
from sandbox.runtime.docker.standby.held import was_let_go
from sandbox.runtime.docker.standby.standbys import Standbys
from sandbox.runtime.docker.stream import Streams
from sandbox.runtime.docker.usage import usage_of
from sandbox.runtime.docker.watch import EngineWatch
from sandbox.runtime.selfexec import self_command
from sandbox.tasks import Tasks

_BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
_PRUNES_AFTER = 30.0
_REGISTRY_ANSWERS_WITHIN = 5.0

_ON_ITS_WAY_OUT = ("removing", "dead")


class DockerDriver:
    """Keeps the contract of `base.Driver`. `configure` comes between `open` and everything else."""

    name = "docker"

    def __init__(self, paths: ProjectPaths, host: Mapping[str, str], say: Callable[[str], None]) -> None:
        """`host` is the user's environment; `say` takes sentences about the engine, for people."""
        self._paths = paths
        self._host = host
        self._say = say
        self._records = Records()
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks = Tasks(self._failed)
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
            self._engine.endpoint, self._streams, self._paths.id, self._hear, self._lost, self._returned, self._failed
        )
        self._maker = Maker(self._engine, self._paths.id)
        self._autotrace = ContainerAutoTrace(self._engine, self._paths, self._host)
        self._lives = Lives(self._engine, self._watch, self._records, self._logs, self._discard, self._failed)
        self._standbys = Standbys(
            self._engine, self._streams, self._maker, self.networks, self._records, self._body, self._lock
        )

    def is_of(self, host: Mapping[str, str]) -> bool:
        """Whether this user's environment leads to the engine that is in use."""
        return find(host).url == self._engine.endpoint.url

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
        with "proxy" or an address. The first time, hear what happens from now on, and take over what runs."""
        first = self._frame is None
        await asyncio.to_thread(make_private, self._paths.docker)
        settings = project.settings.docker
        ports = {
            name: [port.number for port in service.ports] if service.ports else []
            for name, service in project.services.items()
            if name in services
        }
        demand = Demand(ports=ports, proxy=settings.proxy, pools=settings.address_pools)
        preparing = self.networks.prepare(demand, self.facts)
        mesh, _ = await asyncio.gather(preparing, self._watch.open()) if first else (await preparing, None)
        self._frame = Frame(id=self._paths.id, project=project, memory=self.facts.memory, names=names)
        self._log_limit = project.settings.log_max_bytes
        self._builder = Builder(
            self._engine, self._paths.id, settings.images, self._host, self._paths.docker / "builds"
        )
        if first:
            await self._take_over()
        return mesh

    async def close(self) -> None:
        await self._watch.close()
        await self._starts.close()
        await self._standbys.close()
        await self._lives.close()
        await self._tasks.close()
        await self._logs.close()
        await self._streams.close()
        await self._engine.close()

    async def clear(self) -> None:
        """Remove every container and network of the project; what ran is ended, and what was to start never does."""
        await self._starts.close()
        await self._standbys.close()
        await self._engine.quiet()
        found = await self._engine.call(lambda api: api.containers(all=True, filters=labels.filters(self._paths.id)))
        await asyncio.gather(*(self._maker.remove(str(one["Id"])) for one in found))
        await self.networks.remove_all()
        await asyncio.to_thread(shutil.rmtree, self._paths.docker, ignore_errors=True)

    # --- instances ----------------------------------------------------------------------------------------------

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        await self._watch.there.wait()
        built = await self._builder.prepare(workload, output)
        self._prune_soon()
        brought = Brought()
        if workload.auto:
            brought = await self._autotrace.brought(workload, built.image, built.argv, output)
        return Artifact(
            fingerprint=_fingerprint(built.contents, built.argv, workload.version, brought),
            argv=built.argv,
            cwd=Path("/"),
            environment=brought.environment,
            image=built.image,
            mounts=brought.mounts,
            overlay=built.overlay,
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
        if record is not None:
            await self._lives.stop(record, grace)

    async def running(self) -> tuple[Running, ...]:
        await self._watch.present()
        return tuple([running_of(details) for details in await self._details("running")])

    async def usage(self) -> tuple[Usage, ...]:
        alive = [record.running for record in self._records if record.running and not record.ended.is_set()]
        return await usage_of(self._engine, alive)

    def exits(self) -> AsyncIterator[Exit]:
        return self._lives.exits()

    async def run(self, instance: str, argv: Sequence[str], timeout: float) -> tuple[int, str]:
        record = self._records.alive(instance)
        if record is None:
            raise RuntimeFailure(f"{instance} is not running", place=instance)
        return await Inside(self._engine, self._streams, record.container, instance).run(argv, timeout)

    async def copy(self, instance: str, archive: bytes, gone: Sequence[str] = ()) -> None:
        record = self._records.alive(instance)
        if record is None:
            raise RuntimeFailure(f"{instance} is not running", place=instance)
        await bring(self._engine, record.container, archive, gone, instance)

    def exec_spec(self, instance: str, argv: Sequence[str]) -> ExecSpec:
        record = self._records.alive(instance)
        if record is None:
            raise KeyError(instance)
        words = self_command("sandbox.runtime.docker.attach", self._engine.endpoint.url, record.container, *argv)
        return ExecSpec(argv=tuple(words), cwd=None, environment=None)

    # --- starting and ending ------------------------------------------------------------------------------------

    async def _start(self, spec: InstanceSpec) -> Running:
        async with self._lock(spec.id):
            if self._records.alive(spec.id) is not None:
                raise RuntimeFailure(f"{spec.id} is already running", place=spec.id)
            try:
                running = await self._warmly(spec)
                if running is None:
                    running = await self._watch.patiently(lambda: self._coldly(spec))
            except RuntimeFailure:
                with suppress(RuntimeFailure):
                    await self.networks.detach(spec.id)
                raise
        self._standbys.started(spec)
        return running

    async def _warmly(self, spec: InstanceSpec) -> Running | None:
        """By what stands by for it; None when there is nothing."""
        standby = await self._standbys.claim(spec)
        if standby is None:
            return None
        with suppress(RuntimeFailure):
            with self._recorded(spec, standby.container) as record:
                record.running = running = await self._standbys.let_go(standby, spec)
                self._logs.follow(running, spec.log_max_bytes, anew=True)
            return running
        return None

    async def _coldly(self, spec: InstanceSpec) -> Running:
        await asyncio.to_thread(_create_folders, spec.workload.version, spec.id)
        attachment = await self.networks.attach(spec.id, spec.service)
        container = await self._maker.make(spec, self._body(spec, attachment))
        try:
            with self._recorded(spec, container) as record:
                await self._programs.check(container, spec.artifact.fingerprint, spec.id)
                await self._engine.call(lambda api: api.start(container), place=spec.id)
                details = await self._engine.call(lambda api: api.inspect_container(container), place=spec.id)
                record.running = running = running_of(details, attachment.address)
                self._logs.follow(running, spec.log_max_bytes, anew=True)
        except EngineGone:  # what is left of it is removed when it is made again
            raise
        except RuntimeFailure as error:
            await self._maker.remove(container)
            raise _explained(error, spec) from error
        return running

    @contextmanager
    def _recorded(self, spec: InstanceSpec, container: str) -> Iterator[Record]:
        """Known from before it starts, or its end could come unheard; no longer known when it does not."""
        record = Record(container=container, instance=spec.id, service=spec.service, version=spec.workload.version.name)
        self._records.add(record)
        try:
            yield record
        except BaseException:
            self._records.remove(record)
            raise
        finally:
            record.started.set()

    def _body(self, spec: InstanceSpec, attachment: Attachment) -> dict[str, Any]:
        assert self._frame is not None
        return payload(spec, self._frame, attachment)

    async def _undo(self, starting: asyncio.Task[Running], instance: str) -> None:
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            await self.stop(instance, 0.0)

    def _hear(self, action: str, actor: Mapping[str, Any]) -> None:
        container, details = str(actor.get("ID")), actor.get("Attributes") or {}
        record = self._records.of_container(container)
        if record is not None:
            self._lives.hear(record, action, details)
        elif action in ("die", "destroy") and container == self.proxy.container:
            code = int(details.get("exitCode", UNHEARD))
            ended = self._watch.patiently(lambda: self.proxy.ended(code))
            self._tasks.spawn(ended, name="hear the end of the proxy")

    async def _discard(self, record: Record) -> None:
        """Remove what is left of an instance whose end is known."""
        async with self._lock(record.instance):
            await self._maker.remove(record.container)
            if self._records.of_instance(record.instance) is record:
                await self.networks.detach(record.instance)
            self._records.remove(record)
        self._standbys.ended(record.service, record.version)

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
            if await self._is_useless(details, running):
                await self._maker.remove(str(running.container))
                continue
            marks = details["Config"]["Labels"]
            record = Record(
                container=str(running.container),
                instance=running.id,
                service=str(marks[labels.SERVICE]),
                version=str(marks[labels.VERSION]),
            )
            record.running = running
            record.started.set()
            self._records.add(record)
            if running.host:
                self.networks.adopt(record.instance, record.service, running.host)
            self._logs.follow(running, self._log_limit, anew=False)
            if not _runs(details):
                self._lives.ended(record)
        await self.networks.remove_strangers()

    async def _is_useless(self, details: Mapping[str, Any], running: Running) -> bool:
        """What never ran, lost its network, or stood by for a start that never came."""
        state, role = (details.get("State") or {}).get("Status"), details["Config"]["Labels"].get(labels.ROLE)
        if state == "created" or (_runs(details) and not running.host) or not running.id:
            return True
        if role != labels.STANDBY:
            return False
        return state in _ON_ITS_WAY_OUT or not await was_let_go(self._engine, str(running.container))

    async def _details(self, *status: str) -> list[dict[str, Any]]:
        """The engine's descriptions of the project's instances."""
        wanted = {**labels.filters(self._paths.id), "status": list(status)}

        def ask(api: Any) -> list[dict[str, Any]]:
            found = []
            for one in api.containers(all=True, filters=wanted):
                role = (one.get("Labels") or {}).get(labels.ROLE)
                if role not in (labels.SERVING, labels.STANDBY) or self._standbys.holds(one["Id"]):
                    continue
                try:
                    found.append(api.inspect_container(one["Id"]))
                except Exception as error:
                    if getattr(error, "status_code", None) != 404:
                        raise
            return found

        return await self._engine.call(ask)

    def _failed(self, name: str, error: BaseException) -> None:
        self._say(f"could not {name}: {error}")

    def _lost(self, why: str) -> None:
        self._say(f"the Docker engine went away: {why}. What runs goes on; nothing can be started or stopped meanwhile")

    async def _returned(self) -> None:
        """Nothing was heard while it was away: look."""
        known = [record for record in self._records if record.running]  # others may start while it is asked
        alive = {running.container for running in await self._watch.patiently(self.running)}
        for record in known:
            if record.container not in alive and not record.told:
                record.stopped_by = record.stopped_by or signal.SIGTERM  # by the engine's own end
                self._lives.ended(record)
        await self.proxy.look()
        self._say("the Docker engine is back")

    def _lock(self, instance: str) -> asyncio.Lock:
        return self._locks.setdefault(instance, asyncio.Lock())


def _runs(details: Mapping[str, Any]) -> bool:
    return (details.get("State") or {}).get("Status") == "running"


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


def _fingerprint(contents: str, argv: tuple[str, ...], version: Version, brought: Brought) -> str:
    """Of all that a container is made from, but for its environment."""
    told = (
        contents,
        argv,
        version.entrypoint,
        version.user,
        version.working_dir,
        version.mounts,
        version.limits,
        sorted(version.labels.items()),
        (version.read_only, version.cap_add, version.hardened, version.stop_signal),
        *((brought,) if brought.mounts else ()),
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _explained(error: RuntimeFailure, spec: InstanceSpec) -> RuntimeFailure:
    program = next(iter(spec.workload.version.entrypoint or spec.artifact.argv), "")
    told = not_started(error.message, program, spec.id)
    return RuntimeFailure(told.message, place=spec.id, hint=told.hint or error.hint)
