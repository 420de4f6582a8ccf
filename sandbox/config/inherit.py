"""Each version of a service begins with the service's own keys."""

from __future__ import annotations

from sandbox.config.merge import merge_version
from sandbox.config.tree import Entries, Node, change

OF_THE_SERVICE = frozenset({"ports", "expose", "runtime", "public", "depends_on", "external", "objectives", "versions"})
"""Keys that hold for all versions together and are not inherited."""

_SOURCES = ("build", "image")


def inherit(root: Entries) -> Entries:
    inherited = change(root, ("services", "*"), _service)
    assert isinstance(inherited, Entries)
    return inherited


def _service(service: Node) -> Node:
    if not isinstance(service, Entries):
        return service
    versions = service.get("versions")
    if not isinstance(versions, Entries):
        return service
    return service.with_node("versions", change(versions, ("*",), lambda version: _version(service, version)))


def _version(service: Entries, version: Node) -> Node:
    if not isinstance(version, Entries):
        return version
    left_out = OF_THE_SERVICE | (set(_SOURCES) if any(source in version.entries for source in _SOURCES) else set())
    common = {
        key: entry
        for key, entry in service.entries.items()
        if key not in left_out or (key in version.entries and key in _SOURCES)
    }
    return merge_version(Entries(version.location, common), version)
