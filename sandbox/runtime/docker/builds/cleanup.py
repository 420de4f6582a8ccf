"""Removing images: what a build leaves behind, old ones, and all of a project."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sandbox.runtime.docker.builds import names
from sandbox.runtime.docker.ends import moment
from sandbox.runtime.docker.engine import Conflict, Engine, NotThere

KEPT = 2
"""Images of one version of a service that stay, beside those in use: the newest, and the one to go back to."""

_FRESH = 3600.0
"""Seconds in which a build that is under way may still need what it made."""

Image = Mapping[str, Any]


async def remove_stages(engine: Engine, project: str, build: str) -> None:
    """Everything that is left of one build's stages."""
    await _remove(engine, await _labelled(engine, names.filters(project, **{names.BUILD: build})))


async def prune(engine: Engine, project: str, keep: Collection[str]) -> None:
    """Remove old images of a project. `keep`: ids that are in use. The engine itself refuses where a container needs
    one."""
    found = [await _dated(engine, image) for image in await _labelled(engine, names.filters(project))]
    await _remove(engine, superfluous(found, keep, time.time()))


async def remove_all(engine: Engine, project: str) -> int:
    """Every image of a project: how many there were. Those that a container of somebody else's needs stay."""
    return await _remove(engine, await _labelled(engine, names.filters(project)))


def superfluous(found: Iterable[Image], keep: Collection[str], now: float) -> list[Image]:
    """Pure. `found` as the engine lists images, `Created` in seconds and as exact as is known."""
    by_kind: dict[str, list[Image]] = defaultdict(list)
    for image in found:
        by_kind[_label(image, names.KIND)].append(image)
    services = _beyond(by_kind["service"], (names.SERVICE, names.VERSION), keep)
    gone = {str(image["Id"]) for image in services}
    wanted = {_label(image, names.DEPENDENCIES) for image in by_kind["service"] if image["Id"] not in gone}
    dependencies = [
        image
        for image in by_kind["dependencies"]
        if not wanted & set(_tags(image)) and now - int(image["Created"]) > _FRESH
    ]
    loose = [image for image in by_kind["stage"] if not _tags(image)]
    stages = _beyond([image for image in loose if not _label(image, names.BUILD)], _STAGE, keep)
    aborted = [image for image in (*loose, *by_kind["files"]) if _label(image, names.BUILD)]
    return [*services, *dependencies, *stages, *(one for one in aborted if now - int(one["Created"]) > _FRESH)]


_STAGE = (names.SERVICE, names.VERSION, names.STAGE)


def _beyond(found: Sequence[Image], labels: Sequence[str], keep: Collection[str]) -> list[Image]:
    """All but the newest of those that agree in `labels`."""
    groups: dict[Hashable, list[Image]] = defaultdict(list)
    for image in sorted(found, key=lambda image: float(image["Created"]), reverse=True):
        groups[tuple(_label(image, name) for name in labels)].append(image)
    return [image for group in groups.values() for image in group[KEPT:] if image["Id"] not in keep]


async def _labelled(engine: Engine, filters: Mapping[str, Any]) -> list[Image]:
    """Without those that only carry others: the engine removes them together with these."""
    found: list[Image] = await engine.call(lambda api: api.images(filters=filters))
    return found


async def _dated(engine: Engine, image: Image) -> Image:
    """With the exact time: a list has whole seconds, in which hot reloads build several."""
    with suppress(NotThere):
        whole = await engine.call(lambda api: api.inspect_image(image["Id"]))
        return {**image, "Created": moment(whole["Created"]) or image["Created"]}
    return image


async def _remove(engine: Engine, images: Iterable[Image]) -> int:
    """How many went. An image goes after those that start from it, so it is tried again as long as that helps."""
    waiting, removed = list(images), 0
    while waiting:
        left = [image for image in waiting if not await _gone(engine, image)]
        removed += len(waiting) - len(left)
        if len(left) == len(waiting):
            break
        waiting = left
    return removed


async def _gone(engine: Engine, image: Image) -> bool:
    """False while something needs it: the engine refuses."""
    for name in _tags(image) or [str(image["Id"])]:
        try:
            await engine.call(lambda api, name=name: api.remove_image(name))  # type: ignore[misc]
        except NotThere:
            continue
        except Conflict:
            return False
    return True


def _tags(image: Image) -> list[str]:
    return [tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]


def _label(image: Image, name: str) -> str:
    return str((image.get("Labels") or {}).get(name, ""))
