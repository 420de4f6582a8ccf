"""Whether a container that stands by is the one that a start would make. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.runtime.base import InstanceSpec
from sandbox.runtime.docker import labels

FOLDER = "/.sandbox"
"""In the container, beside its own files."""

_HOOK = f"{FOLDER}/hook"
_PATH = "PYTHONPATH"

_SET_BY_SHELLS = ("PWD", "OLDPWD", "SHLVL", "_")
_STOP = f"""\
env {{unset}} true || exit 1
echo here >>{FOLDER}/said
echo ready >>{FOLDER}/said
kill -STOP $$
echo cold >>{FOLDER}/said
exec env {{unset}} "$@"
"""
"""A shell that stops, and becomes the command once it is told to continue."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps a container from its work until its start has come: our hook in a Python that has imported the
    libraries, or a shell in front of any other command. `image`: the configuration of the image."""

    hooked: bool
    image: Mapping[str, Any]

    @property
    def given(self) -> dict[str, str]:
        """The variables that the image sets."""
        return variables(self.image)


def standing_by(body: Mapping[str, Any], hold: Hold) -> dict[str, Any]:
    """The body of a request for the instance's container (`containers.payload`), so that it is held."""
    made = _hooked(body, hold.given) if hold.hooked else _behind_a_shell(body, hold)
    return {**made, "Labels": {**body["Labels"], labels.ROLE: labels.STANDBY}}


def _hooked(body: Mapping[str, Any], image: Mapping[str, str]) -> dict[str, Any]:
    environment = variables(body)
    path = [_HOOK, *filter(None, [environment.get(_PATH, image.get(_PATH))])]
    hooked = {**environment, _PATH: ":".join(path), "SANDBOX_STANDBY": FOLDER}
    return {**body, "Env": [f"{name}={value}" for name, value in hooked.items()]}


def _behind_a_shell(body: Mapping[str, Any], hold: Hold) -> dict[str, Any]:
    known = hold.given | variables(body)
    unset = " ".join(f"-u {name}" for name in _SET_BY_SHELLS if name not in known)
    shell = ["/bin/sh", "-c", _STOP.format(unset=unset), "sh"]
    return {**body, "Entrypoint": shell, "Cmd": command_in(body, hold.image)}


def command_in(body: Mapping[str, Any], image: Mapping[str, Any]) -> list[str]:
    """What the container runs, the image's own command where the request names none."""
    if "Entrypoint" in body:
        return [word for word in body["Entrypoint"] if word] + list(body.get("Cmd") or ())
    return list(image.get("Entrypoint") or ()) + list(body.get("Cmd") or image.get("Cmd") or ())


def fits(made: Mapping[str, Any], wanted: Mapping[str, Any], hold: Hold) -> bool:
    """Both as the bodies of requests. What they differ in must be what can still be changed: labels, of which nobody
    reads those that differ, and where our hook holds it, the values of variables."""
    if _mould(made) != _mould(wanted):
        return False
    if hold.hooked:
        return variables(made).keys() <= variables(wanted).keys()
    return variables(made) == variables(wanted)


def renamed(spec: InstanceSpec, number: int) -> InstanceSpec:
    """The version's instance with that number, as far as can be told."""
    id = named(spec, number)
    environment = {name: value.replace(spec.id, id) for name, value in spec.environment.items()}
    return replace(spec, id=id, index=number, environment=environment)


def variables(body: Mapping[str, Any]) -> dict[str, str]:
    """Of the body of a request, or of an image's configuration."""
    return dict(entry.partition("=")[::2] for entry in body.get("Env") or ())


def next_number(taken: set[int]) -> int:
    """The one that a new instance gets: the first that is free."""
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def named(spec: InstanceSpec, number: int) -> str:
    """The id of the version's instance with that number."""
    return spec.id.removesuffix(str(spec.index)) + str(number)


def _mould(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ("Env", "Labels")}
