"""Who calls what: the subject of every translation of a policy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.model import HeaderMatch, Rule, TrafficPolicy
from sandbox.proxy.names import ClusterName, inbound_name
from sandbox.proxy.topology import Address, MeshService


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the ways to every service have in common."""

    inbound_socket: Path
    breaking_socket: Path
    parent_proxy: Address | None = None
    ca_bundle: Path | None = None
    declared_only: bool = False


@dataclass(frozen=True, slots=True)
class Callee:
    """A service and its versions that take traffic; of those that have no choice, all are named."""

    service: MeshService
    ready: tuple[str, ...]
    around: Around
    was_guarded: bool = False  # by an earlier policy: requests may still be on that way


@dataclass(frozen=True, slots=True)
class Target:
    """One port of a callee as one caller (None: one that is not known) sees it."""

    caller: str | None
    callee: Callee
    port: int
    where: HeaderMatch | None = None  # holds for this caller's requests among those of others
    declared: bool = True  # the caller says that it calls it; else its traffic is counted with that of the unknown

    @property
    def policy(self) -> TrafficPolicy:
        return self.callee.service.policy

    @property
    def origin(self) -> str | None:
        """The caller under whose name clusters go."""
        return self.caller if self.declared else None

    @property
    def barred(self) -> bool:
        """By the mesh: only declared calls are allowed."""
        return self.origin is None and self.callee.around.declared_only

    def cluster(self, version: str, *, guarded: bool = False) -> str:
        return str(ClusterName(self.origin, self.callee.service.name, version, self.port, guarded))

    def inbound(self, version: str) -> str:
        return inbound_name(self.callee.service.name, version, self.port)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A rule and its place in the policy, counted from 1; None: for what no rule matches."""

    number: int | None
    rule: Rule


def numbered(policy: TrafficPolicy) -> tuple[Numbered, ...]:
    """All rules in the order in which they are tried, and what holds where none matches."""
    return (*(Numbered(number, rule) for number, rule in enumerate(policy.rules, 1)), Numbered(None, Rule()))


def callers_named(policy: TrafficPolicy) -> frozenset[str]:
    """Whom a policy treats in a way of their own: they must be known even where they don't declare the callee."""
    conditions = [one.callers for rule in policy.rules for one in rule.matches]
    conditions += [rule.callers for rule in policy.authorization]
    return frozenset(name for names in conditions for name in names)
