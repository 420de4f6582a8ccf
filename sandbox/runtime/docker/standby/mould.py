"""Whether a container that stands by is the one that a start would make. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.runtime.base import InstanceSpec
from sandbox.runtime.docker import labels

FOLDER = "/.sandbox"
"""In the container, beside its own files."""

_HOOK = f"{FOLDER}/hook"
_PATH = "PYTHONPATH"


def standing_by(body: Mapping[str, Any], image: Mapping[str, str]) -> dict[str, Any]:
    """The body of a request for the instance's container (`containers.payload`), so that it is held by our hook.
    `image`: the variables that the image sets."""
    environment = variables(body)
    path = [f"{_HOOK}", *filter(None, [environment.get(_PATH, image.get(_PATH))])]
    hooked = {**environment, _PATH: ":".join(path), "SANDBOX_STANDBY": FOLDER}
    return {
        **body,
        "Env": [f"{name}={value}" for name, value in hooked.items()],
        "Labels": {**body["Labels"], labels.ROLE: labels.STANDBY},
    }


def fits(made: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Both as the bodies of requests. What they differ in must be what can still be changed: the values of variables,
    and labels, of which nobody reads those that differ."""
    return _mould(made) == _mould(wanted) and variables(made).keys() <= variables(wanted).keys()


def variables(body: Mapping[str, Any]) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in body["Env"])


def next_number(taken: set[int]) -> int:
    """The one that a new instance gets: the first that is free."""
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def named(spec: InstanceSpec, number: int) -> str:
    """The id of the version's instance with that number."""
    return spec.id.removesuffix(str(spec.index)) + str(number)


def _mould(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ("Env", "Labels")}
