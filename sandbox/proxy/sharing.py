"""Who shares an address with whom: by the range that a caller calls from, and by the host name of its requests.

Pure, and light to import: it knows no messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import pairwise

from sandbox.errors import ProxyError
from sandbox.model import AppProtocol
from sandbox.proxy.topology import Address, Caller, EdgeListener, Topology, protocol_of

ANYWHERE = "0.0.0.0/0"
"""The range of those who are not told apart."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What one caller finds at a shared address, in the order of preference: one filter chain of its listener."""

    caller: str
    source: str | None  # the range (CIDR) that this caller alone calls from; None: nobody else comes here
    declared: tuple[EdgeListener, ...]
    undeclared: tuple[EdgeListener, ...]

    @property
    def edges(self) -> tuple[EdgeListener, ...]:
        return self.declared + self.undeclared


@dataclass(frozen=True, slots=True, order=True)
class Conflict:
    """A callee's port that needs an address of its own for this caller: of the two at `bind` one speaks TCP, whose
    bytes name no host."""

    caller: str
    callee: str
    port: int
    bind: Address


def shared_addresses(callers: Sequence[Caller]) -> dict[Address, tuple[Chain, ...]]:
    """Every address at which something must be told apart. The others lead one caller, known by the address alone, to
    one declared port."""
    shared = _binds(callers)
    found: dict[Address, list[Chain]] = {bind: [] for bind in shared}
    for caller in callers if shared else ():
        for bind, chain in _chains(caller):
            if bind in shared:
                found[bind].append(chain)
    return {bind: tuple(chains) for bind, chains in found.items()}


def conflicts(topology: Topology) -> tuple[Conflict, ...]:
    """Who loses where TCP meets anything else. The first edge wins, declared ones before undeclared ones. KeyError when
    an edge leads to no service or port of the topology."""
    services = {service.name: service for service in topology.services}
    return tuple(
        Conflict(chain.caller, edge.callee, edge.port, bind)
        for bind, chains in shared_addresses(topology.callers).items()
        for chain in chains
        for edge in losers(chain, [protocol_of(services[edge.callee], edge.port) for edge in chain.edges])
    )


def losers(chain: Chain, protocols: list[AppProtocol]) -> Iterator[EdgeListener]:
    """`protocols` of its edges, in their order."""
    for edge, protocol in zip(chain.edges[1:], protocols[1:], strict=True):
        if AppProtocol.TCP in (protocols[0], protocol):
            yield edge


def parse_range(source: str) -> IPv4Network | IPv6Network:
    """ProxyError when it is no range of addresses."""
    try:
        return ip_network(source)
    except ValueError as error:
        raise ProxyError(f"is no range of addresses: {error}", place=source) from None


def overlap(sources: Iterable[str]) -> tuple[str, str] | None:
    """Two ranges that have an address in common, if any have."""
    networks = sorted((parse_range(source) for source in sources), key=lambda one: (one.version, one))
    for lower, higher in pairwise(networks):
        if higher.network_address in lower:
            return str(lower), str(higher)
    return None


def _binds(callers: Sequence[Caller]) -> dict[Address, None]:
    """The shared ones, in order."""
    seen: set[Address] = set()
    shared: dict[Address, None] = {}
    for caller in callers:
        edges = (*caller.edges, *caller.undeclared)
        told_apart = caller.undeclared if caller.source is None else edges
        shared.update((edge.bind, None) for edge in told_apart)
        for edge in edges:
            if edge.bind in seen:
                shared[edge.bind] = None
            seen.add(edge.bind)
    return shared


def _chains(caller: Caller) -> Iterator[tuple[Address, Chain]]:
    declared, undeclared = _by_bind(caller.edges), _by_bind(caller.undeclared)
    for bind in declared | undeclared:
        own = declared.get(bind, {})
        other = [edge for key, edge in undeclared.get(bind, {}).items() if key not in own]
        yield bind, Chain(caller.name, caller.source, tuple(own.values()), tuple(other))


def _by_bind(edges: Iterable[EdgeListener]) -> dict[Address, dict[tuple[str, int], EdgeListener]]:
    found: dict[Address, dict[tuple[str, int], EdgeListener]] = {}
    for edge in edges:
        found.setdefault(edge.bind, {}).setdefault((edge.callee, edge.port), edge)
    return found
