"""Which addresses a project's containers have. Pure.

A project has one range, clear of everything the machine can already reach, and every service a /24 in it: whoever
calls from a service's /24 is that service, however often its instances change.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

from sandbox.errors import RuntimeFailure

CANDIDATES = ("10.192.0.0/10", "172.16.0.0/12", "198.18.0.0/15", "192.168.0.0/16", "10.0.0.0/8")
"""RFC 1918, of which the corners that home routers and VPNs use least come first, and RFC 2544's benchmarking range."""

SERVICE_PREFIX = 24
INSTANCE_PREFIX = 29
"""Of an instance's private network: its gateway, the proxy, the instance, and no room for anybody else."""

_USUAL = 17
"""Of a project's range: 127 services. Larger projects get more, and the file may name smaller ranges."""

_SAYS_NOTHING = 4
"""Routes to more than this many bits of the address name a place; wider ones (a default route, a VPN's halves of
everything) only say where the rest goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The range of a project and the slot of each service in it; slot 0 is the proxy's own. Remembered as it is."""

    pool: str
    slots: Mapping[str, int] = field(default_factory=dict)

    @property
    def network(self) -> IPv4Network:
        return IPv4Network(self.pool)

    @property
    def gateway(self) -> str:
        """The engine's end of the project's network."""
        return str(self.network[1])

    @property
    def uplink(self) -> IPv4Network:
        """Where the proxy container lives."""
        return self._slot(0)

    def range_of(self, service: str) -> IPv4Network:
        """KeyError for a service without a slot."""
        return self._slot(self.slots[service])

    def private_network(self, service: str, number: int) -> IPv4Network:
        """Of one instance; `number` counts from 0 within the service. IndexError when there is no more room."""
        start = int(self.range_of(service).network_address) + number * 2 ** (32 - INSTANCE_PREFIX)
        found = IPv4Network((start, INSTANCE_PREFIX))
        if not found.subnet_of(self.range_of(service)):
            raise IndexError(number)
        return found

    def gateways(self) -> Iterator[str]:
        """The engine's ends of all private networks that there are or may be: who calls from one is this machine, or a
        container of somebody else's whose address this machine has replaced."""
        for service in self.slots:
            yield from (str(network[1]) for network in self.range_of(service).subnets(new_prefix=INSTANCE_PREFIX))

    def addresses(self, service: str) -> Iterator[str]:
        """For instances on the project's one network."""
        return map(str, self.range_of(service).hosts())

    def service_at(self, address: str) -> str | None:
        found = IPv4Address(address)
        return next((name for name in self.slots if found in self.range_of(name)), None)

    def with_services(self, services: Sequence[str]) -> Plan:
        """Everyone keeps a slot; those who left give theirs back only when it is needed. RuntimeFailure when there are
        more services than the range has room for."""
        slots = dict(self.slots)
        gone = [name for name in slots if name not in services]
        free = [slot for slot in range(1, self._room) if slot not in slots.values()]
        for name in services:
            if name in slots:
                continue
            if not free and not gone:
                raise RuntimeFailure(
                    f"{len(services)} services do not fit into the range {self.pool}",
                    place="docker",
                    hint="give it a larger one: sandbox down, then sandbox up",
                )
            slots[name] = free.pop(0) if free else slots.pop(gone.pop(0))
        return replace(self, slots=slots)

    @property
    def _room(self) -> int:
        return 1 << (SERVICE_PREFIX - self.network.prefixlen)

    def _slot(self, number: int) -> IPv4Network:
        start = int(self.network.network_address) + number * 2 ** (32 - SERVICE_PREFIX)
        return IPv4Network((start, SERVICE_PREFIX))


def choose_pool(
    project: str, services: int, taken: Iterable[IPv4Network], candidates: Sequence[str] = ()
) -> IPv4Network:
    """A range that overlaps nothing in `taken`, the same one for the same project as long as it is free.

    RuntimeFailure when there is none; it names what is in the way.
    """
    needed = SERVICE_PREFIX - max(1, services).bit_length()
    blocking = [one for one in taken if one.prefixlen >= _SAYS_NOTHING]
    large_enough = [one for one in map(IPv4Network, candidates or CANDIDATES) if one.prefixlen <= needed]
    for candidate in large_enough:
        size = max(candidate.prefixlen, min(_USUAL, needed))
        for pool in _in_turn(candidate, size, zlib.crc32(project.encode())):
            if not any(pool.overlaps(one) for one in blocking):
                return pool
    raise _no_pool(services, needed, large_enough, candidates)


def _no_pool(
    services: int, needed: int, large_enough: Sequence[IPv4Network], candidates: Sequence[str]
) -> RuntimeFailure:
    if not large_enough:
        return RuntimeFailure(
            f"{services} services need a range of /{needed} or larger, and {', '.join(candidates)} has no such room",
            place="docker.address_pools",
            hint="name a larger one, such as 10.20.0.0/16",
        )
    tried = ", ".join(map(str, large_enough))
    return RuntimeFailure(
        f"no range of addresses is free: routes or networks of this machine overlap all of {tried}",
        place="docker",
        hint="name a free one: docker: {address_pools: [10.20.0.0/16]}; see: ip route, docker network ls",
    )


def _in_turn(candidate: IPv4Network, size: int, start: int) -> Iterator[IPv4Network]:
    """All parts of the size, beginning at one that depends on the project, so that projects rarely meet."""
    count = 2 ** (size - candidate.prefixlen)
    step = 2 ** (32 - size)
    first = int(candidate.network_address)
    return (IPv4Network((first + (start + number) % count * step, size)) for number in range(count))
