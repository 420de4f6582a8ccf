"""Short forms to long ones, before anything is merged: `[A=1]` and `{A: 1}` can then be laid over each other.

What has an unexpected shape is left as it is; validation says what is wrong with it.
"""

from __future__ import annotations

from sandbox.config.expandtraffic import expand_traffic
from sandbox.config.tree import Entries, Entry, Items, Node, Problems, Scalar, change, quoted

_SERVICE = ("services", "*")
_VERSION = ("services", "*", "versions", "*")


def expand(root: Entries, problems: Problems) -> Entries:
    def variables(node: Node) -> Node:
        return _variables(node, problems)

    tree: Node = root
    for holder in (_SERVICE, _VERSION):
        tree = change(tree, (*holder, "build"), _context)
        tree = change(tree, (*holder, "build", "args"), variables)
        tree = change(tree, (*holder, "environment"), variables)
        tree = change(tree, (*holder, "labels"), variables)
        tree = change(tree, (*holder, "tmpfs"), _one_or_more)
        tree = change(tree, (*holder, "env_file"), _env_files)
        for key in ("ignore", "include"):
            tree = change(tree, (*holder, "develop", "watch", "*", key), _one_or_more)
        tree = change(tree, (*holder, "reload"), _watched)
    tree = change(tree, ("reload",), _watched)
    tree = change(tree, (*_SERVICE, "depends_on"), _dependencies)
    tree = expand_traffic(tree)
    assert isinstance(tree, Entries)
    return tree


def _context(node: Node) -> Node:
    return _keyed(node, "context") if _is_text(node) else node


def _variables(node: Node, problems: Problems) -> Node:
    """`[NAME=value, NAME]` to a map; a name alone takes its value from the environment of the command."""
    if not isinstance(node, Items) or not all(_is_text(item) for item in node.items):
        return node
    entries: dict[str, Entry] = {}
    for item in node.items:
        name, equals, value = _text(item).partition("=")
        if name in entries:
            problems.add(item.location, f"{quoted(name)} is set twice in one list", "keep one of the two")
        entries[name] = Entry(item.location, Scalar(item.location, value if equals else None))
    return Entries(node.location, entries)


def _watched(node: Node) -> Node:
    return _keyed(node, "watch") if isinstance(node, Scalar) and _is_there(node) else node


def _dependencies(node: Node) -> Node:
    if not isinstance(node, Items) or not all(_is_text(item) for item in node.items):
        return node
    empty = {_text(item): Entry(item.location, Entries(item.location, {})) for item in node.items}
    return Entries(node.location, empty)


def _env_files(node: Node) -> Node:
    listed = _one_or_more(node)
    return change(listed, ("*",), lambda item: _keyed(item, "path") if _is_text(item) else item)


def _one_or_more(node: Node) -> Node:
    return node if isinstance(node, Items) else Items(node.location, (node,)) if _is_there(node) else node


def _keyed(node: Node, key: str) -> Entries:
    return Entries(node.location, {key: Entry(node.location, node)})


def _is_text(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str)


def _is_there(node: Node) -> bool:
    return not (isinstance(node, Scalar) and node.value is None)


def _text(node: Node) -> str:
    assert isinstance(node, Scalar) and isinstance(node.value, str)
    return node.value
