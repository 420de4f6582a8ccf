"""The desired state in the planner's terms: which instances should exist, in which generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sandbox.model import Project, Service, Version


@dataclass(frozen=True, slots=True, order=True)
class VersionKey:
    service: str
    version: str

    def __str__(self) -> str:
        return f"{self.service}/{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person changed by command since the file was read. Remembered across supervisors."""

    replicas: Mapping[VersionKey, int] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()  # services
    generations: Mapping[str, int] = field(default_factory=dict)  # by service; a restart adds one
    reloads: Mapping[VersionKey, int] = field(default_factory=dict)  # a save adds one

    def scaled(self, key: VersionKey, replicas: int) -> Wishes:
        return replace(self, replicas={**self.replicas, key: replicas})

    def with_stopped(self, services: frozenset[str]) -> Wishes:
        return replace(self, stopped=self.stopped | services)

    def with_started(self, services: frozenset[str]) -> Wishes:
        return replace(self, stopped=self.stopped - services)

    def reloaded(self, keys: frozenset[VersionKey]) -> Wishes:
        more = {key: self.reloads.get(key, 0) + 1 for key in keys}
        return replace(self, reloads={**self.reloads, **more})

    def restarted(self, services: frozenset[str]) -> Wishes:
        more = {name: self.generations.get(name, 0) + 1 for name in services}
        return replace(self, generations={**self.generations, **more})


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedInstance:
    id: str
    service: str
    version: str
    index: int  # from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    project: Project
    wishes: Wishes = field(default_factory=Wishes)

    def replicas(self, service: Service, version: Version) -> int:
        if service.name in self.wishes.stopped or service.external is not None:
            return 0
        return self.wishes.replicas.get(VersionKey(service.name, version.name), version.replicas)

    def has_instances(self, name: str) -> bool:
        service = self.project.services[name]
        return any(self.replicas(service, version) for version in service.versions)

    def counts(self) -> dict[VersionKey, int]:
        """How many instances each version should have, in the order of the file."""
        return {
            VersionKey(service.name, version.name): self.replicas(service, version)
            for service in self.project.services.values()
            for version in service.versions
        }

    def generation(self, key: VersionKey) -> int:
        """Grows whenever the version's instances are to be made anew."""
        return self.wishes.generations.get(key.service, 0) + self.wishes.reloads.get(key, 0)


def seat(key: VersionKey, index: int) -> WantedInstance:
    name = instance_id(key.service, key.version, index)
    return WantedInstance(id=name, service=key.service, version=key.version, index=index)


def instance_id(service: str, version: str, index: int) -> str:
    return f"{service}-{version}-{index}"
