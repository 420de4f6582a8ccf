"""The project's networks in the engine: made before the first container, gone after the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import msgspec

from sandbox.errors import RuntimeFailure
from sandbox.files import set_aside, write_atomic
from sandbox.runtime.docker.addressing import INSTANCE_PREFIX, Plan, choose_pool
from sandbox.runtime.docker.engine import Engine, NotThere
from sandbox.runtime.docker.layout import CONTAINER, HOST, EngineFacts, Layout, Mesh, choose_layout
from sandbox.runtime.docker.netcalls import NO_DIRECT_CALLS, NetworkCalls, in_the_way

_PROXY_EXISTS_WITHIN = 60.0
"""Seconds; its image may have to be pulled."""

_ATTEMPTS = 8
"""Ranges to try when the engine knows of one more network than we do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """How one instance is connected."""

    network: str
    address: str
    proxy: str  # where it finds the proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a project asks of its networks."""

    ports: Mapping[str, Sequence[int]]  # service → ports on which it is called
    proxy: str  # auto | host | container
    pools: Sequence[str]  # candidates for the range; empty: our own


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is remembered between supervisors."""

    plan: Plan
    layout: Layout


class Networks:
    """`prepare` comes first, then `adopt` for what runs already."""

    def __init__(self, engine: Engine, project: str, file: Path) -> None:
        self._calls = NetworkCalls(engine, project)
        self._project = project
        self._file = file
        self._kept: _Kept | None = None
        self._addresses: dict[str, str] = {}  # instance → its address on the project's one network
        self._numbers: dict[str, tuple[str, int]] = {}  # instance → service and number of its private network
        self._made: set[str] = set()  # instances whose private network is there
        self._proxy_exists = asyncio.Event()
        self._staying = asyncio.Lock()  # whoever has it needs every network, or removes one

    # --- the whole ----------------------------------------------------------------------------------------------

    async def prepare(self, demand: Demand, facts: EngineFacts) -> Mesh:
        """Have a network with room for the services. RuntimeFailure when it can't be had."""
        kept = self._kept or await self._remembered() or await self._make(demand, facts)
        self._kept = replace(kept, plan=kept.plan.with_services(list(demand.ports)))
        await asyncio.to_thread(write_atomic, self._file, msgspec.json.encode(self._kept))
        return _mesh(self._kept)

    def adopt(self, instance: str, service: str, address: str) -> None:
        """An instance that runs keeps its address."""
        plan = self._known.plan
        if self._known.layout.proxy == HOST:
            self._addresses[instance] = address
        elif service in plan.slots:
            offset = int(IPv4Address(address)) - int(plan.range_of(service).network_address)
            self._numbers[instance] = (service, offset >> (32 - INSTANCE_PREFIX))
            self._made.add(instance)

    async def remove_all(self) -> None:
        """Every network of the project, once no container is left in them."""
        await asyncio.gather(*(self._calls.remove(name) for name in await self._calls.all()))
        self._kept = None
        self._addresses.clear()
        self._numbers.clear()
        self._made.clear()
        await asyncio.to_thread(self._file.unlink, missing_ok=True)

    async def remove_strangers(self) -> None:
        """Private networks of instances that are not there."""
        known = {self._project, *map(self._private_name, self._numbers)}
        await asyncio.gather(*(self._calls.remove(name) for name in await self._calls.all() if name not in known))

    # --- the proxy container ------------------------------------------------------------------------------------

    @property
    def proxy_container(self) -> str:
        return f"{self._project}-proxy"

    @property
    def uplink(self) -> str:
        """The network over which this machine and the proxy container reach each other."""
        return self._project

    @asynccontextmanager
    async def proxy_starts(self) -> AsyncIterator[None]:
        """Around the proxy container's start: it is connected as it has to be, and no network leaves before it runs. An
        engine starts no container of which a network has gone."""
        async with self._staying:
            await self.proxy_exists()
            yield

    async def proxy_exists(self) -> None:
        """The proxy container was made (anew): connect it to every instance's network, now and from now on. An engine
        that is told so of a network it does not have yet says nothing, and then can't start the proxy."""
        plan = self._known.plan
        for instance in tuple(self._made):
            with suppress(NotThere, KeyError):  # it left meanwhile
                await self._connect_proxy(instance, plan.private_network(*self._numbers[instance]))
        self._proxy_exists.set()

    # --- one instance -------------------------------------------------------------------------------------------

    async def attach(self, instance: str, service: str) -> Attachment:
        """A free address in the service's range. RuntimeFailure when there is none."""
        kept = self._known
        if kept.layout.proxy == HOST:
            address = self._free_address(instance, service)
            return Attachment(network=self._project, address=address, proxy=kept.plan.gateway)
        network = self._free_network(instance, service)
        nobody = list(network.hosts())[3:]  # whoever calls from this range is the service
        await self._calls.create(self._private_name(instance), network, "private", {}, withheld=nobody)
        self._made.add(instance)
        await self._until_proxy_exists(instance)
        with suppress(NotThere):  # a proxy that is being made anew will be connected to all that there are
            await self._connect_proxy(instance, network)
        return Attachment(network=self._private_name(instance), address=str(network[3]), proxy=str(network[2]))

    async def detach(self, instance: str) -> None:
        """After its container is gone."""
        self._addresses.pop(instance, None)
        self._made.discard(instance)
        if instance in self._numbers:
            async with self._staying:
                await self._calls.remove(self._private_name(instance))
            self._numbers.pop(instance, None)

    async def _until_proxy_exists(self, instance: str) -> None:
        try:
            async with asyncio.timeout(_PROXY_EXISTS_WITHIN):
                await self._proxy_exists.wait()
        except TimeoutError:
            raise RuntimeFailure(
                "the proxy's container is not there", place=instance, hint="see what keeps it: sandbox ps"
            ) from None

    async def _connect_proxy(self, instance: str, network: IPv4Network) -> None:
        await self._calls.connect(self.proxy_container, self._private_name(instance), str(network[2]))

    def _free_address(self, instance: str, service: str) -> str:
        own = self._addresses.get(instance)
        if own is not None and self._known.plan.service_at(own) == service:
            return own
        taken = set(self._addresses.values())
        address = next((one for one in self._known.plan.addresses(service) if one not in taken), None)
        if address is None:
            raise RuntimeFailure(f"{service} has no address left in its range", place=instance, hint="scale it down")
        self._addresses[instance] = address
        return address

    def _free_network(self, instance: str, service: str) -> IPv4Network:
        if instance in self._numbers:  # of its last container, which may still be on its way out
            return self._known.plan.private_network(*self._numbers[instance])
        taken = {number for of, number in self._numbers.values() if of == service}
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        try:
            network = self._known.plan.private_network(service, number)
        except IndexError:
            raise RuntimeFailure(
                f"{service} has {len(taken)} instances, and its range has no room for more",
                place=instance,
                hint="scale it down, or use docker: {proxy: host} where the engine allows it",
            ) from None
        self._numbers[instance] = (service, number)
        return network

    def _private_name(self, instance: str) -> str:
        return f"{self._project}-{instance}"

    # --- making -------------------------------------------------------------------------------------------------

    @property
    def _known(self) -> _Kept:
        if self._kept is None:
            raise RuntimeFailure("the project has no network yet", place="docker", hint="run: sandbox up")
        return self._kept

    async def _remembered(self) -> _Kept | None:
        """What the file says, if the network it speaks of is there."""
        try:
            kept = msgspec.json.decode(await asyncio.to_thread(self._file.read_bytes), type=_Kept)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError):
            await asyncio.to_thread(set_aside, self._file)
            return None
        expected = kept.plan.pool if kept.layout.proxy == HOST else str(kept.plan.uplink)
        return kept if await self._calls.subnets(self._project) == [expected] else None

    async def _make(self, demand: Demand, facts: EngineFacts) -> _Kept:
        await self.remove_all()  # of an earlier run that ended badly
        refused: list[IPv4Network] = []
        for _ in range(_ATTEMPTS):
            taken = [*await self._calls.taken(), *refused]
            pool = choose_pool(self._project, len(demand.ports), taken, demand.pools)
            try:
                return await self._make_in(Plan(pool=str(pool)), demand, facts)
            except RuntimeFailure as error:
                if "overlaps" not in error.message.lower():
                    raise
                refused.append(pool)
        raise RuntimeFailure(
            f"the engine refused {_ATTEMPTS} ranges of addresses in a row",
            place="docker",
            hint="see: docker network ls",
        )

    async def _make_in(self, plan: Plan, demand: Demand, facts: EngineFacts) -> _Kept:
        layout = choose_layout(demand.proxy, facts, ())
        if layout.proxy == HOST:
            await self._calls.create(self._project, plan.network, "mesh", NO_DIRECT_CALLS)
            obstacles = await self._obstacles(plan, demand)
            if not obstacles:
                return _Kept(plan=plan, layout=layout)
            await self._calls.remove(self._project)
            if demand.proxy == HOST:
                raise RuntimeFailure("; ".join(obstacles), place="docker.proxy: host", hint="use docker: {proxy: auto}")
            layout = choose_layout(demand.proxy, facts, obstacles)
        await self._calls.create(self._project, plan.uplink, "mesh", {})
        return _Kept(plan=plan, layout=layout)

    async def _obstacles(self, plan: Plan, demand: Demand) -> list[str]:
        ports = [port for declared in demand.ports.values() for port in declared]
        return await asyncio.to_thread(in_the_way, plan.gateway, ports)


def _mesh(kept: _Kept) -> Mesh:
    plan = kept.plan
    return Mesh(
        layout=kept.layout,
        bind="0.0.0.0" if kept.layout.proxy == CONTAINER else plan.gateway,  # in a container of its own
        ranges={service: str(plan.range_of(service)) for service in plan.slots},
        pool=plan.pool,
        host=str(plan.uplink[1]),
        uplink=str(plan.uplink),
        proxy=str(plan.uplink[2]),
        nobody=tuple(plan.gateways()) if kept.layout.proxy == CONTAINER else (),
    )
