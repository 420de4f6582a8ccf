"""Short forms of traffic to long ones, as `expand` has the others."""

from __future__ import annotations

from sandbox.config.tree import Entries, Entry, Items, Node, Scalar, change

_POLICY = ("traffic", "*")
_RULE = (*_POLICY, "rules", "*")
_MATCH = (*_RULE, "matches", "*")
_FILTER = (*_RULE, "filters", "*")
_AUTHORIZATION = (*_POLICY, "authorization", "*")

_LISTS = (
    (*_MATCH, "from"),
    (*_RULE, "retry", "methods"),
    *((*_FILTER, "cors", key) for key in ("allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders")),
    *((*_AUTHORIZATION, key) for key in ("from", "methods", "paths")),
)
"""One value may stand where a list does."""

_COMPARED = tuple((*_MATCH, key) for key in ("headers", "queryParams"))
_SET = tuple(
    (*_FILTER, modifier, key)
    for modifier in ("requestHeaderModifier", "responseHeaderModifier")
    for key in ("set", "add")
)

_POOL = {
    ("tcp", "maxConnections"): "maxConnections",
    ("tcp", "connectTimeout"): "connectTimeout",
    ("http", "http1MaxPendingRequests"): "maxPendingRequests",
    ("http", "http2MaxRequests"): "maxRequests",
    ("http", "maxRequestsPerConnection"): "maxRequestsPerConnection",
    ("http", "maxRetries"): "maxRetries",
}
"""Istio's names, and ours."""


def expand_traffic(root: Node) -> Node:
    tree = change(root, _POLICY, _policy)
    tree = change(tree, (*_MATCH, "path"), _path)
    for path in (*_COMPARED, *_SET):
        tree = change(tree, path, _named)
    for path in _LISTS:
        tree = change(tree, path, _one_or_more)
    tree = change(tree, (*_RULE, "retry", "on"), _conditions)
    tree = change(tree, (*_POLICY, "loadBalancer", "consistentHash", "httpCookie"), _cookie)
    return change(tree, (*_POLICY, "connectionPool"), _pool)


def _policy(node: Node) -> Node:
    """A service without anything is one without a policy."""
    return Entries(node.location, {}) if isinstance(node, Scalar) and node.value is None else node


def _path(node: Node) -> Node:
    return _keyed(node, "value") if _is_value(node) else node


def _cookie(node: Node) -> Node:
    return _keyed(node, "name") if _is_value(node) else node


def _named(node: Node) -> Node:
    """`{name: value}` to Gateway API's list of `{name, type, value}`."""
    if not isinstance(node, Entries):
        return node
    return Items(node.location, tuple(_with_name(name, entry) for name, entry in node.entries.items()))


def _with_name(name: str, entry: Entry) -> Node:
    named = Entry(entry.key, Scalar(entry.key, name))
    if isinstance(entry.node, Entries):
        return Entries(entry.key, {**entry.node.entries, "name": named})
    return Entries(entry.key, {"name": named, "value": Entry(entry.key, entry.node)})


def _one_or_more(node: Node) -> Node:
    return Items(node.location, (node,)) if _is_value(node) else node


def _conditions(node: Node) -> Node:
    """Istio and Envoy write them with commas between."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    return Items(node.location, tuple(Scalar(node.location, word.strip()) for word in node.value.split(",")))


def _pool(node: Node) -> Node:
    if not isinstance(node, Entries):
        return node
    entries = dict(node.entries)
    for (group, theirs), ours in _POOL.items():
        nested = entries.get(group)
        if nested is not None and isinstance(nested.node, Entries) and theirs in nested.node.entries:
            entries.setdefault(ours, nested.node.entries[theirs])
            rest = {key: entry for key, entry in nested.node.entries.items() if key != theirs}
            entries[group] = Entry(nested.key, Entries(nested.node.location, rest))
    return Entries(node.location, {key: entry for key, entry in entries.items() if not _is_emptied(key, entry)})


def _is_emptied(key: str, entry: Entry) -> bool:
    return key in ("tcp", "http") and isinstance(entry.node, Entries) and not entry.node.entries


def _keyed(node: Node, key: str) -> Entries:
    return Entries(node.location, {key: Entry(node.location, node)})


def _is_value(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is not None
