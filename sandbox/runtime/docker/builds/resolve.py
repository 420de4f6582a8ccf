"""What of a Dockerfile's ending only the image itself can tell: which targets are folders, and who the owners are."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker import archive, labels
from sandbox.runtime.docker.builds.context import Context
from sandbox.runtime.docker.builds.ending import Ending, Step
from sandbox.runtime.docker.engine import Engine

_LONGEST = 1024 * 1024
"""Bytes of /etc/passwd and /etc/group."""

_FOLDER, _LINK = 1 << 31, 1 << 27
"""As Go's io/fs has them, and engines tell them."""


async def resolved_in(engine: Engine, project: str, image: str, found: Ending, context: Context) -> Ending | None:
    """With all owners as numbers; None when somebody is unknown. RuntimeFailure when something can't be looked at."""
    files = {entry.name for entry in context.entries if stat.S_ISREG(entry.mode)}
    unsure = {step.target for step in found.steps if step.inside is None and step.source in files}
    named = not all(_is_numeric(step.owner) for step in found.steps)
    seen = _Seen({}, {}, {})
    if unsure or named:
        seen = await engine.call(lambda api: _look(api, project, image, unsure, named))
    steps = [_resolved(step, seen) for step in found.steps]
    return replace(found, steps=tuple(step for step in steps if step)) if all(steps) else None


@dataclass(frozen=True, slots=True)
class _Seen:
    folders: Mapping[str, bool]
    users: Mapping[str, int]
    groups: Mapping[str, int]


def _resolved(step: Step, seen: _Seen) -> Step | None:
    """As --chown is read: a user alone is also the group."""
    user, colon, group = step.owner.partition(":")
    uid, gid = _number(user, seen.users), _number(group if colon else user, seen.groups)
    if uid is None or gid is None:
        return None
    return replace(step, inside=seen.folders.get(step.target, step.inside), owner=f"{uid}:{gid}")


def _is_numeric(owner: str) -> bool:
    return all(part.isdigit() for part in owner.split(":", 1))


def _number(name: str, known: Mapping[str, int]) -> int | None:
    return int(name) if name.isdigit() else known.get(name)


def _look(api: Any, project: str, image: str, targets: set[str], named: bool) -> _Seen:
    """In a container that never runs."""
    made = api.create_container(image, ["true"], labels=labels.of_project(project))["Id"]
    try:
        folders = {target: _is_folder(api, made, target) for target in targets}
        users, groups = (_ids(api, made, file) if named else {} for file in ("/etc/passwd", "/etc/group"))
        return _Seen(folders, users, groups)
    finally:
        api.remove_container(made, v=True, force=True)


def _is_folder(api: Any, container: str, path: str) -> bool:
    stream, found = api.get_archive(container, path)
    stream.close()
    if int(found["mode"]) & _LINK:
        raise RuntimeFailure("is a symbolic link in the image", place=path)
    return bool(int(found["mode"]) & _FOLDER)


def _ids(api: Any, container: str, file: str) -> dict[str, int]:
    """passwd(5), group(5)"""
    lines = archive.read(api, container, file, _LONGEST).decode("utf-8", "replace").splitlines()
    fields = [line.split(":") for line in lines]
    return {one[0]: int(one[2]) for one in reversed(fields) if len(one) > 2 and one[2].isdigit()}
