"""Checks of services that are hosts outside: nothing runs for them."""

from __future__ import annotations

from sandbox.config.checks.subject import Subject
from sandbox.config.tree import Entries, find

_MEANT = ("external", "objectives")


def check_external(subject: Subject) -> None:
    for service in subject.project.services.values():
        if service.external is None:
            continue
        path = ("services", service.name)
        node = find(subject.root, path)
        for key in node.entries if isinstance(node, Entries) else ():
            if key not in _MEANT and not key.startswith("x-"):
                message = f"{service.name} is a host outside, for which {key} has no meaning"
                subject.at_key((*path, key), message, f"take {key} or external out")
