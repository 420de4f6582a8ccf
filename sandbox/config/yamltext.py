"""Plain values as YAML that is the same to readers of 1.1, as PyYAML, and of 1.2, as we are."""

from __future__ import annotations

import yaml

from sandbox.config import scalars


class Dumper(yaml.SafeDumper):
    """Quotes what a reader of YAML 1.2 would not take for the same text: PyYAML writes for YAML 1.1."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_safe = text.isprintable() and isinstance(scalars.resolve(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_safe else '"')


Dumper.add_representer(str, _text)
