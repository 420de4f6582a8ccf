"""The JSON Schema of sandbox.yaml for editors, generated from the models that validate it."""

from __future__ import annotations

from typing import Any

from sandbox.config.schema import ProjectSpec


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12. Accepts what `load` accepts by shape, short forms and `x-…` keys included."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_tidy(ProjectSpec.model_json_schema()),
        "title": "sandbox.yaml",
        "description": "A project of services that sandbox runs. Names and meanings are Compose's where it has them.",
    }


def _tidy(node: Any) -> Any:
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    return _flat({key: _tidy(value) for key, value in node.items() if not _is_noise(key, value)})


def _is_noise(key: str, value: object) -> bool:
    """Pydantic repeats each key as its title, which editors show in place of the description, and null as default."""
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)


def _flat(node: dict[str, Any]) -> dict[str, Any]:
    """One anyOf instead of one in another; maps whose keys have a pattern take no other keys."""
    if "anyOf" in node:
        choices = [
            inner for choice in node["anyOf"] for inner in (choice["anyOf"] if choice.keys() == {"anyOf"} else [choice])
        ]
        return {**node, "anyOf": choices}
    if "patternProperties" in node and "properties" not in node:
        return {**node, "additionalProperties": False}
    return node
