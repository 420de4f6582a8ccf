"""Laying one tree over another: over a file (`-f a -f b`, as Compose merges) or over a service (its versions)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandbox.config.tree import Entries, Entry, Items, Node

ListRule = Callable[[Items, Items, tuple[str, ...]], Items]


def merge_files(base: Entries, over: Entries) -> Entries:
    """Maps merge deeply, lists grow; commands, health tests, traffic rules and settings are replaced as a whole."""
    return _maps(base, over, (), _grow)


def merge_version(service: Entries, version: Entries) -> Entries:
    """What a version says wins over what the service says; lists are replaced."""
    return _maps(service, version, (), _replace)


def _maps(base: Entries, over: Entries, path: tuple[str, ...], rule: ListRule) -> Entries:
    merged = dict(base.entries)
    for key, entry in over.entries.items():
        before = merged.get(key)
        if before is None or key.startswith("x-"):
            merged[key] = entry
        else:
            merged[key] = Entry(entry.key, _nodes(before.node, entry.node, (*path, key), rule))
    return Entries(over.location, merged)


def _nodes(base: Node, over: Node, path: tuple[str, ...], rule: ListRule) -> Node:
    if isinstance(base, Entries) and isinstance(over, Entries):
        return _maps(base, over, path, rule)
    if isinstance(base, Items) and isinstance(over, Items):
        return rule(base, over, path)
    return over


def _replace(base: Items, over: Items, path: Sequence[str]) -> Items:
    return over


def _grow(base: Items, over: Items, path: Sequence[str]) -> Items:
    if path[0] in ("traffic", "docker") or path[-1] in ("command", "entrypoint", "test"):
        return over
    return Items(over.location, base.items + over.items)
