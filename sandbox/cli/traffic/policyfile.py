"""A file of policies: `traffic:` of a sandbox.yaml with what is below it, or only that."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.control import Edit, EditAction
from sandbox.errors import ConfigError, Location, Problem, SandboxError, UsageError

_LARGEST = 512 * 1024


def read_policies(name: str) -> tuple[Edit, ...]:
    """Each service that the file names gets the policy that stands there. "-" is standard input."""
    document = _loaded(_text(name), name)
    policies = document.get("traffic", document) if isinstance(document, Mapping) else None
    if not isinstance(policies, Mapping) or not policies:
        hint = "write it like `steamer: {rules: [...]}`, or below `traffic:`"
        raise UsageError("has no policies by service", place=name, hint=hint)
    return tuple(
        Edit(service=str(service), action=EditAction.REPLACE, values=_map(policy, name, str(service)))
        for service, policy in policies.items()
    )


def _text(name: str) -> str:
    try:
        text = sys.stdin.read(_LARGEST + 1) if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxError(f"can't be read: {error}", place=name) from None
    if len(text) > _LARGEST:
        raise UsageError(f"is larger than {_LARGEST // 1024} KiB", place=name)
    return text


def _loaded(text: str, name: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        location = Location(name, mark.line + 1, mark.column + 1) if mark else Location(name)
        raise ConfigError([Problem(location, f"is no YAML: {error.problem}", "correct it")]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Problem(Location(name), f"is no YAML: {error}", "correct it")]) from None


def _map(policy: Any, name: str, service: str) -> Mapping[str, Any]:
    if policy is None:
        return {}
    if not isinstance(policy, Mapping):
        raise UsageError("should be a map with rules", place=f"{name}: {service}")
    return policy
