"""Incremental xDS without I/O: what one client has of one kind of resource, and what it must be sent next.

After Envoy's "xDS REST and gRPC protocol", incremental variant. A subscription lives as long as its stream; a client
that comes back says which versions it has, and is sent only what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.proxy.resource import Kind, Resource, Resources

WILDCARD_KINDS = frozenset({Kind.CLUSTER, Kind.LISTENER})
"""Of these Envoy wants everything; of the others it names what it wants."""

_ABSENT = ""  # the version of what the client was told does not exist
_UNKNOWN = "?"  # the client may or may not have it: it refused a response that held it


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A DeltaDiscoveryRequest. `error` is set in a NACK, in the client's words."""

    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A DeltaDiscoveryResponse."""

    kind: Kind
    nonce: str
    resources: tuple[Resource, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A response that the client refused, and what in it has not been replaced since."""

    kind: Kind
    error: str
    versions: Mapping[str, str]

    def without(self, names: Iterable[str]) -> Rejection:
        gone = set(names)
        return Rejection(self.kind, self.error, {n: v for n, v in self.versions.items() if n not in gone})


@dataclass(frozen=True, slots=True)
class Aim:
    """What a client should have of one kind. With `keep`, what else it has is left to it for now."""

    resources: Resources
    keep: bool = False


class Subscription:
    """Feed it `receive` and `aim`; take `respond` until it returns None."""

    def __init__(self, kind: Kind, aim: Aim | None) -> None:
        self.kind = kind
        self.rejections: list[Rejection] = []
        self._aim = aim
        self._wanted: set[str] = set()  # by name; wildcard kinds want everything besides
        self._held: dict[str, str] = {}  # as if everything under way were accepted
        self._pending: set[str] = set()  # names whose state at the client differs from the aim
        self._under_way: dict[str, dict[str, str]] = {}  # by nonce
        self._sent = 0
        self._opened = False
        self._greeted = False
        self._check(self._target)

    @property
    def settled(self) -> bool:
        """The client has accepted, or refused, all it should have."""
        return not self._under_way and all(self._refused(name) or self._unasked(name) for name in self._pending)

    @property
    def _target(self) -> Resources:
        return self._aim.resources if self._aim is not None else {}

    def aim(self, aim: Aim) -> None:
        """Change what the client should have."""
        before, self._aim = self._aim, aim
        if before is not None and before.resources is aim.resources and before.keep == aim.keep:
            return
        old = before.resources if before is not None else {}
        self._check({name for name, one in aim.resources.items() if old.get(name) is not one})
        self._check({*old, *self._held} - aim.resources.keys())

    def send_again(self, names: Iterable[str]) -> None:
        """Even if the client has them."""
        known = [name for name in names if self._held.pop(name, None) is not None]
        self._check(known)

    def receive(self, request: Request) -> Rejection | None:
        """Take note of what the client says; the rejection, if it is one."""
        if not self._opened:
            self._open(request)
        else:
            self._subscribe(request.subscribe)
        self._unsubscribe(request.unsubscribe)
        return self._answered(request.nonce, request.error) if request.nonce else None

    def respond(self) -> Response | None:
        """The next response; None when there is nothing to say now."""
        if not self._opened:
            return None
        due = self.due
        if not due and self._greeted:
            return None
        self._greeted = True  # a client that has nothing waits for a first answer, even an empty one
        return self._response(sorted(due))

    @property
    def due(self) -> frozenset[str]:
        """What the next response will be about."""
        return frozenset(name for name in self._pending if self._due(name))

    # --- the client speaks

    def _open(self, request: Request) -> None:
        self._opened = True
        self._held = dict(request.initial)
        self._greeted = bool(self._held) or self.kind not in WILDCARD_KINDS
        self._wanted = set(request.subscribe)
        self._check({*self._held, *self._wanted, *self._target})

    def _subscribe(self, names: Iterable[str]) -> None:
        """Naming a resource asks for it, whatever was sent before."""
        for name in names:
            self._wanted.add(name)
            self._held.pop(name, None)
        self._check(names)

    def _unsubscribe(self, names: Iterable[str]) -> None:
        for name in names:
            self._wanted.discard(name)
            self._held.pop(name, None)
        self._check(names)

    def _answered(self, nonce: str, error: str | None) -> Rejection | None:
        """An ACK or a NACK; one that answers nothing of ours is out of date."""
        versions = self._under_way.pop(nonce, None)
        if versions is None:
            return None
        self._forget_rejections(versions)
        rejection = Rejection(self.kind, error, versions) if error is not None else None
        if rejection is not None and not self._is_late(rejection):
            self.rejections.append(rejection)
        for name, version in versions.items():
            if self._held.get(name) != version:
                continue
            if error is not None:
                self._held[name] = _UNKNOWN
            elif version == _ABSENT and name not in self._wanted:
                del self._held[name]
        self._check(versions)
        return rejection

    def _is_late(self, rejection: Rejection) -> bool:
        """Whether something of it has been replaced since, which may be what was wrong: then the rest is sent again."""
        return any(version != self._target_version(name) for name, version in rejection.versions.items())

    def _forget_rejections(self, names: Iterable[str]) -> None:
        left = [rejection.without(names) for rejection in self.rejections]
        self.rejections = [rejection for rejection in left if rejection.versions]

    # --- what is missing

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            if self._differs(name):
                self._pending.add(name)
            else:
                self._pending.discard(name)

    def _differs(self, name: str) -> bool:
        if self._aim is None or name == "*":
            return False
        one = self._aim.resources.get(name)
        if one is not None:
            return self._held.get(name) != one.version
        if self.kind in WILDCARD_KINDS:
            return not self._aim.keep and self._held.get(name, _ABSENT) != _ABSENT
        # Envoy drops named resources by itself, and takes their removal for a fault of the server.
        return name in self._wanted and name not in self._held

    def _due(self, name: str) -> bool:
        wanted = name in self._wanted or (self.kind in WILDCARD_KINDS and not self._unasked(name))
        return wanted and not self._refused(name)

    def _unasked(self, name: str) -> bool:
        one = self._target.get(name)
        return one is not None and one.on_demand and name not in self._wanted and name not in self._held

    def _refused(self, name: str) -> bool:
        version = self._target_version(name)
        return any(rejection.versions.get(name) == version for rejection in self.rejections)

    def _target_version(self, name: str) -> str:
        one = self._target.get(name)
        return one.version if one is not None else _ABSENT

    def _response(self, names: list[str]) -> Response:
        target = self._target
        self._sent += 1
        nonce = str(self._sent)
        versions = {name: self._target_version(name) for name in names}
        self._under_way[nonce] = versions
        self._held.update(versions)
        self._check(names)
        resources = tuple(target[name] for name in names if name in target)
        return Response(self.kind, nonce, resources, tuple(name for name in names if name not in target))


class Session:
    """All kinds on one stream."""

    def __init__(self, aims: Mapping[Kind, Aim]) -> None:
        self._kinds = {kind: Subscription(kind, aims.get(kind)) for kind in Kind}

    def __getitem__(self, kind: Kind) -> Subscription:
        return self._kinds[kind]

    def responses(self) -> Iterator[Response]:
        """All that can be said now, in the order of the kinds."""
        for subscription in self._kinds.values():
            while (response := subscription.respond()) is not None:
                yield response
                if response.kind is Kind.CLUSTER:
                    self._follow_up(response)

    def _follow_up(self, clusters: Response) -> None:
        """Envoy waits for the endpoints of a cluster that it got anew, though it asked for them long ago."""
        names = [name for one in clusters.resources for name in one.refers_to]
        self._kinds[Kind.ENDPOINTS].send_again(names)

    def retry(self) -> None:
        """Send again what was refused."""
        for subscription in self._kinds.values():
            subscription.rejections.clear()

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        return tuple(one for subscription in self._kinds.values() for one in subscription.rejections)
