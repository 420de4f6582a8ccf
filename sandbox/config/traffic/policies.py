"""Documents to policies and back: how policies cross the API, and are compared with the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.config.checks.subject import Subject
from sandbox.config.checks.traffic import check_traffic
from sandbox.config.expandtraffic import expand_traffic
from sandbox.config.traffic.resolve import policy
from sandbox.config.tree import Entries, Entry, Items, Node, Problems, Scalar, find
from sandbox.config.validate import validate
from sandbox.errors import ConfigError, Location
from sandbox.model import Project, TrafficPolicy

MAX_DEPTH = 32
"""Levels of a document; the deepest key of the vocabulary is on the eighth."""


def parse_policies(documents: Mapping[str, Any], project: Project) -> dict[str, TrafficPolicy]:
    """Documents by service, in sandbox.yaml's words, to the policies that they are.

    Checked against the project's services as a file is, beside the policies that the project has of other services.
    Raises ConfigError with all that is wrong; places are like `traffic.steamer.rules[0].backendRefs[1].version`.
    """
    problems = Problems()
    root = expand_traffic(Entries(Location("traffic"), {"traffic": _entry(documents, "traffic", 0, problems)}))
    assert isinstance(root, Entries)
    _stop_if_wrong(problems)
    spec = validate(root, problems)
    _stop_if_wrong(problems)
    assert spec is not None
    policies = {callee: policy(found) for callee, found in spec.traffic.items()}
    check_traffic(Subject(replace(project, traffic=policies), root, problems))
    _stop_if_wrong(problems)
    return policies


def _stop_if_wrong(problems: Problems) -> None:
    if problems:
        raise ConfigError(problems.all)


def _entry(value: Any, place: str, depth: int, problems: Problems) -> Entry:
    return Entry(Location(place), _node(value, place, depth, problems))


def _node(value: Any, place: str, depth: int, problems: Problems) -> Node:
    """A tree whose positions are paths into the document."""
    location = Location(place)
    if depth > MAX_DEPTH:
        problems.add(location, f"is nested deeper than {MAX_DEPTH} levels", "flatten it")
        return Scalar(location, None)
    if isinstance(value, Mapping):
        entries = {str(key): _entry(inner, f"{place}.{key}", depth + 1, problems) for key, inner in value.items()}
        return Entries(location, entries)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = (_node(inner, f"{place}[{index}]", depth + 1, problems) for index, inner in enumerate(value))
        return Items(location, tuple(items))
    if value is None or isinstance(value, str | int | float):
        return Scalar(location, value)
    problems.add(location, f"has a value that is no text, number or list: {type(value).__name__}", "write it as JSON")
    return Scalar(location, None)


def rule_places(root: Entries) -> dict[str, str]:
    """Where each rule stands in the files: `traffic.SERVICE.rules[0]` to `file:line:column`."""
    found: dict[str, str] = {}
    traffic = root.get("traffic")
    for callee, entry in traffic.entries.items() if isinstance(traffic, Entries) else ():
        found[f"traffic.{callee}"] = str(entry.key)
        rules = find(entry.node, ("rules",))
        for index, rule in enumerate(rules.items if isinstance(rules, Items) else ()):
            found[f"traffic.{callee}.rules[{index}]"] = str(rule.location)
    return found
