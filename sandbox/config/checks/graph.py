"""Checks of who calls whom."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from sandbox.config.checks.subject import Subject
from sandbox.config.tree import Path
from sandbox.config.validate import did_you_mean
from sandbox.model import Service


def check_graph(subject: Subject) -> None:
    for service in subject.project.services.values():
        _check_callees(subject, service)
        _check_addresses(subject, service)
    _check_cycles(subject)


def _check_callees(subject: Subject, service: Service) -> None:
    for callee in service.callees:
        if callee not in subject.project.services:
            names = [name for name in subject.project.services if name != service.name]
            message = f"{service.name} depends on {callee}, and there is no such service"
            hint = did_you_mean(callee, names, f"services: {', '.join(names)}" if names else "add the service")
            _at_edge(subject, service, callee, message, hint)


def _check_addresses(subject: Subject, service: Service) -> None:
    for path, callee in _addresses(subject, service):
        found = subject.project.services.get(callee)
        if found is not None and not found.ports:
            subject.at_value(path, f"{callee} has no port, so it has no address", f'add ports: ["8000"] to {callee}')


def _addresses(subject: Subject, service: Service) -> list[tuple[Path, str]]:
    """Every callee that a variable names, with the place of the variable."""
    return [
        ((*subject.version_path(service.name, version.name), "environment", name), callee)
        for version in service.versions
        for name, value in version.environment.items()
        for callee in value.callees
    ]


def _check_cycles(subject: Subject) -> None:
    services = subject.project.services
    graph = {name: [callee for callee in service.callees if callee in services] for name, service in services.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = _from_first(list(reversed(error.args[1]))[1:], list(services))
        if len(cycle) == 1:
            message = f"{cycle[0]} depends on itself"
        else:
            message = f"services depend on each other in a circle: {_drawn(cycle)}"
        callee = cycle[1 % len(cycle)]
        _at_edge(subject, services[cycle[0]], callee, message, "take one of them out of depends_on or environment")


def _from_first(cycle: list[str], order: list[str]) -> list[str]:
    """The same circle, beginning at the service that comes first in the file."""
    first = min(cycle, key={name: index for index, name in enumerate(order)}.__getitem__)
    start = cycle.index(first)
    return cycle[start:] + cycle[:start]


def _drawn(cycle: list[str]) -> str:
    shown = cycle if len(cycle) <= 8 else [*cycle[:7], f"… ({len(cycle) - 7} more)"]
    return " → ".join([*shown, cycle[0]])


def _at_edge(subject: Subject, service: Service, callee: str, message: str, hint: str) -> None:
    declared = ("services", service.name, "depends_on", callee)
    if subject.has(declared):
        subject.at_key(declared, message, hint)
        return
    for path, name in _addresses(subject, service):
        if name == callee:
            subject.at_value(path, message, hint)
            return
