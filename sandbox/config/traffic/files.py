"""Policies as they stand in a text: that of sandbox.yaml, or of a file that is applied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.config.envfiles import with_dotenv
from sandbox.config.expandtraffic import expand_traffic
from sandbox.config.interpolate import interpolate
from sandbox.config.parse import parse
from sandbox.config.traffic.document import document
from sandbox.config.traffic.resolve import policy
from sandbox.config.tree import Entries, Entry, Node, Problems
from sandbox.config.validate import validate
from sandbox.errors import ConfigError


def documents_in(
    text: str, name: str, folder: Path, environment: Mapping[str, str], *, bare: bool = False
) -> dict[str, dict[str, Any]]:
    """The documents under `traffic`, by service, with variables replaced; what else the text holds is not looked at.

    name: of the file, for places. folder: where `.env` is. bare: a text without `traffic` is what would stand there.
    Raises ConfigError with all that does not fit the vocabulary.
    """
    problems = Problems()
    tree = parse(text, name, problems)
    _stop_if_wrong(problems)
    assert tree is not None
    traffic = tree.entries.get("traffic", Entry(tree.location, tree) if bare else None)
    if traffic is None:
        return {}
    root: Node = expand_traffic(Entries(tree.location, {"traffic": traffic}))
    assert isinstance(root, Entries)
    root = interpolate(root, with_dotenv(folder, environment, problems), problems)
    spec = validate(root, problems)
    _stop_if_wrong(problems)
    assert spec is not None
    return {service: document(policy(found)) for service, found in spec.traffic.items()}


def _stop_if_wrong(problems: Problems) -> None:
    if problems:
        raise ConfigError(problems.all)
