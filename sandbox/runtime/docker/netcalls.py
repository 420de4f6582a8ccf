"""Single calls about networks: making, removing, looking. What is asked for twice is no error."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from sandbox.errors import RuntimeFailure
from sandbox.ports import owner_of
from sandbox.runtime.docker import hostroutes, labels
from sandbox.runtime.docker.engine import Conflict, Engine, NotThere

NO_DIRECT_CALLS = {"com.docker.network.bridge.enable_icc": "false"}
"""Containers of the network reach its gateway and nobody else in it."""

_LETS_GO_WITHIN = 5.0
"""Seconds that the engine may need to disconnect a container that it removes."""

_POLL = 0.05


class NetworkCalls:
    def __init__(self, engine: Engine, project: str) -> None:
        self._engine = engine
        self._project = project

    async def create(
        self,
        name: str,
        subnet: IPv4Network,
        role: str,
        options: Mapping[str, str],
        withheld: Iterable[IPv4Address] = (),
    ) -> None:
        """`withheld`: addresses that no container ever gets. RuntimeFailure when the name belongs to somebody else;
        "overlaps" in it when the range does."""
        auxiliary = {f"withheld-{address}": str(address) for address in withheld}
        pool = IPAMPool(subnet=str(subnet), gateway=str(subnet[1]), aux_addresses=auxiliary)
        wanted = {
            "options": dict(options),
            "ipam": IPAMConfig(pool_configs=[pool]),
            "labels": labels.of_network(self._project, name, role),
        }
        if await self._created(name, wanted) or (found := await self.subnets(name)) == [str(subnet)]:
            return
        if found is not None:  # what a supervisor that was killed had asked for
            await self.remove(name)
        if found is None or not await self._created(name, wanted):
            raise RuntimeFailure(
                f"there is a network {name} that is not ours", place="docker", hint=f"docker network rm {name}"
            )

    async def _created(self, name: str, wanted: Mapping[str, Any]) -> bool:
        """False when there is one of that name."""
        try:
            await self._engine.call(
                lambda api: api.create_network(name, driver="bridge", check_duplicate=True, **wanted)
            )
        except RuntimeFailure as error:
            if not isinstance(error, Conflict) and "already" not in error.message:  # Podman says it with another code
                raise
            return False
        return True

    async def subnets(self, name: str) -> list[str] | None:
        """Of the project's network; None when it has none of that name."""
        found = await self._engine.call(lambda api: self._named(api, name))
        return [subnet for one in found for subnet in _subnets(one)] if found else None

    def _named(self, api: Any, name: str) -> list[Any]:
        """The project's networks of that name: an engine makes two when it is asked twice at once."""
        found = api.networks(names=[name], filters=labels.filters(self._project))
        return [one for one in found if one["Name"] == name]

    async def connect(self, container: str, name: str, address: str) -> None:
        """NotThere when either is missing, or is about to be."""
        try:
            await self._engine.call(
                lambda api: api.connect_container_to_network(container, name, ipv4_address=address), place=name
            )
        except RuntimeFailure as error:
            if "marked for removal" in error.message:
                raise NotThere(error.message, place=name) from error
            if "already exists" not in error.message:
                raise

    async def remove(self, name: str) -> None:
        """With whatever is still connected to it. RuntimeFailure when the engine does not let go of it."""

        def remove(api: Any) -> None:
            for one in self._named(api, name):
                remove_network(api, one["Id"])

        await self._engine.call(remove)

    async def all(self) -> list[str]:
        """Names of the project's networks."""
        found = await self._engine.call(lambda api: api.networks(filters=labels.filters(self._project)))
        return [str(one["Name"]) for one in found]

    async def taken(self) -> list[IPv4Network]:
        """What a new network must not overlap."""
        found = await self._engine.call(lambda api: api.networks())
        inside = [IPv4Network(subnet) for one in found for subnet in _subnets(one) if ":" not in subnet]
        return [*await asyncio.to_thread(hostroutes.known_networks), *inside]


def remove_network(api: Any, name: str) -> None:
    """With whatever is still connected to it. APIError when the engine does not let go of it."""
    deadline = time.monotonic() + _LETS_GO_WITHIN
    with contextlib.suppress(NotFound):
        while True:
            try:
                return _disconnect_and_remove(api, name)
            except APIError as error:
                if time.monotonic() > deadline or not _passes(error):
                    raise
            time.sleep(_POLL)


def _disconnect_and_remove(api: Any, name: str) -> None:
    for container in api.inspect_network(name).get("Containers") or {}:
        with contextlib.suppress(APIError):  # it may be gone, or be on its way
            api.disconnect_container_from_network(container, name, force=True)
    api.remove_network(name)


def _passes(error: APIError) -> bool:
    """Whether the engine may just be busy, such as with a container that leaves the network."""
    return bool(error.is_server_error()) or "active endpoints" in str(error.explanation)


def _subnets(network: Mapping[str, Any]) -> list[str]:
    return [str(one["Subnet"]) for one in (network.get("IPAM") or {}).get("Config") or () if one.get("Subnet")]


def in_the_way(gateway: str, ports: Sequence[int]) -> list[str]:
    """Why Envoy could not listen on these ports of the gateway; empty when it can."""
    if gateway not in hostroutes.own_addresses():
        return ["the engine's networks are not on this machine"]
    return [reason for port in sorted(set(ports)) if (reason := _refusal(gateway, port))]


def _refusal(host: str, port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"port {port} is taken on every address of this machine by {owner_of(port)}"
            return f"port {port} can't be opened on this machine: {error.strerror}"
    return None
