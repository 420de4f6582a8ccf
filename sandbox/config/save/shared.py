"""Which policies are written with anchors, aliases or merges: what is said there is said in other places too."""

from __future__ import annotations

from typing import Any

import yaml

_SERVICE = 2
"""Open keys at which something belongs to one service: traffic, its name."""


def shared(text: str) -> dict[str, int]:
    """The line of the first anchor or alias in each service's policy; under "" of one around them."""
    found: dict[str, int] = {}
    path: list[list[Any]] = []  # for each open map or list: whether it is a map, and the key that is being filled
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            path.pop()
            _value_ends(path)
        if not isinstance(event, yaml.NodeEvent):
            continue
        if path and path[-1][0] and path[-1][1] is None:
            path[-1][1] = getattr(event, "value", "")
            continue
        if event.anchor is not None and event.start_mark is not None:
            _note(found, [frame[1] for frame in path if frame[0]], event.start_mark.line + 1)
        if isinstance(event, yaml.CollectionStartEvent):
            path.append([isinstance(event, yaml.MappingStartEvent), None])
        else:
            _value_ends(path)
    return found


def _value_ends(path: list[list[Any]]) -> None:
    if path and path[-1][0]:
        path[-1][1] = None


def _note(found: dict[str, int], keys: list[Any], line: int) -> None:
    if keys[:1] == ["traffic"]:
        found.setdefault(str(keys[1]) if len(keys) >= _SERVICE else "", line)
