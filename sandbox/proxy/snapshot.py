"""Everything Envoy should have, and the steps from one such state to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.errors import ProxyError
from sandbox.proxy.resource import Kind, Resource, Resources
from sandbox.proxy.sharing import overlap
from sandbox.proxy.subscription import Aim
from sandbox.proxy.topology import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Resources by name. Each version is a hash of the content, so equal content never travels twice."""

    clusters: Resources = field(default_factory=dict)
    endpoints: Resources = field(default_factory=dict)
    listeners: Resources = field(default_factory=dict)
    routes: Resources = field(default_factory=dict)

    def of(self, kind: Kind) -> Resources:
        match kind:
            case Kind.RUNTIME:
                return {}
            case Kind.CLUSTER:
                return self.clusters
            case Kind.ENDPOINTS:
                return self.endpoints
            case Kind.LISTENER:
                return self.listeners
            case Kind.ROUTES:
                return self.routes


EMPTY = Snapshot()


@dataclass(frozen=True, slots=True)
class Changes:
    """Names by what happened to them."""

    added: frozenset[str]
    changed: frozenset[str]
    removed: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Step:
    """What Envoy should have of some kinds before the next step is taken."""

    aims: Mapping[Kind, Aim]


def diff(old: Resources, new: Resources) -> Changes:
    return Changes(
        added=frozenset(new.keys() - old.keys()),
        changed=frozenset(name for name, one in new.items() if name in old and _differs(old[name], one)),
        removed=frozenset(old.keys() - new.keys()),
    )


def steps(old: Snapshot, new: Snapshot) -> tuple[Step, ...]:
    """Taken in this order, no request meets a missing cluster or endpoint: clusters and their endpoints come first
    and go last, and so does the last endpoint of a set."""
    return (
        Step(
            {
                Kind.CLUSTER: Aim(new.clusters, keep=True),
                Kind.ENDPOINTS: Aim(_with_last_endpoints(old.endpoints, new.endpoints)),
            }
        ),
        Step({Kind.LISTENER: Aim(new.listeners), Kind.ROUTES: Aim(new.routes)}),
        Step({Kind.CLUSTER: Aim(new.clusters), Kind.ENDPOINTS: Aim(new.endpoints)}),
    )


def check_consistent(snapshot: Snapshot) -> None:
    """ProxyError when a reference leads nowhere, two listeners share an address, or two callers at one address can't be
    told apart: Envoy would accept most of these and answer 503, or take one caller for the other."""
    _check_references("routes", snapshot.routes.values(), "cluster", snapshot.clusters)
    _check_references("listener", snapshot.listeners.values(), "routes", snapshot.routes, snapshot.clusters)
    _check_references("cluster", snapshot.clusters.values(), "endpoints", snapshot.endpoints)
    _check_addresses(snapshot.listeners.values())
    _check_sources(snapshot.listeners.values())


def _differs(old: Resource, new: Resource) -> bool:
    return old is not new and old.version != new.version


def _with_last_endpoints(old: Resources, new: Resources) -> Resources:
    emptied = {n: old[n] for n, one in new.items() if one.empty and n in old and not old[n].empty}
    return {**new, **emptied} if emptied else new


def _check_references(kind: str, holders: Iterable[Resource], wanted: str, *known: Resources) -> None:
    for holder in holders:
        for name in holder.refers_to:
            if not any(name in names for names in known):
                raise ProxyError(f"{kind} {holder.name!r} refers to {wanted} {name!r}, which does not exist")


def _check_addresses(listeners: Iterable[Resource]) -> None:
    taken: dict[Address, str] = {}
    for listener in listeners:
        if listener.address is None:
            continue
        if other := taken.get(listener.address):
            raise ProxyError(
                f"{other!r} and {listener.name!r} want the same address",
                place=str(listener.address),
                hint="give each its own port",
            )
        taken[listener.address] = listener.name


def _check_sources(listeners: Iterable[Resource]) -> None:
    for listener in listeners:
        if len(listener.sources) > 1 and (both := overlap(listener.sources)):
            raise ProxyError(
                f"callers from {both[0]} and {both[1]} can't be told apart",
                place=str(listener.address),
                hint="give each a range of its own",
            )
