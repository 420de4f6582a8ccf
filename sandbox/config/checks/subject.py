"""What is checked: the project, and the tree that knows where everything in it is written."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.config.tree import Entries, Path, Problems, find, key_place, place
from sandbox.model import AppProtocol, Project, Service


@dataclass(frozen=True, slots=True)
class Subject:
    project: Project
    root: Entries
    problems: Problems

    def at_key(self, path: Path, message: str, hint: str = "") -> None:
        self.problems.add(key_place(self.root, path), message, hint)

    def at_value(self, path: Path, message: str, hint: str = "") -> None:
        self.problems.add(place(self.root, path), message, hint)

    def has(self, path: Path) -> bool:
        return find(self.root, path) is not None

    def version_path(self, service: str, version: str) -> tuple[str, ...]:
        """Where a version's keys are: those of the service when it declares none."""
        declared = ("services", service, "versions", version)
        return declared if self.has(declared) else ("services", service)


def speaks_http(service: Service) -> bool:
    return any(port.protocol is not AppProtocol.TCP for port in service.ports)
