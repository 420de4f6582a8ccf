"""Which folders the services of a project live in, and who owns what in them. Pure."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.model import Project, Service, Version, WatchRule
from sandbox.reload.change import Action
from sandbox.reload.patterns import DockerPatterns

Built = Callable[[Service, Version], bool]
"""Whether a version's source goes into an image or through a compiler, so that a restart alone changes nothing."""

_SEARCH_PATHS = ("PYTHONPATH", "NODE_PATH")


@dataclass(frozen=True, slots=True)
class Area:
    """A folder, or a single file, that is watched. `dockerfiles` are read by Docker whatever .dockerignore says."""

    root: str
    context: bool = False  # it is sent to Docker, so its .dockerignore holds
    dockerfiles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `develop.watch`, ready to be asked."""

    path: str
    action: Action
    target: str | None
    ignore: DockerPatterns
    include: DockerPatterns
    command: tuple[str, ...] | None

    def wants(self, path: str) -> bool:
        """Of a path at or below its own."""
        relative = posixpath.relpath(path, self.path)
        if relative == ".":
            return True
        return not self.ignore.match(relative) and (not self.include or self.include.match(relative))


@dataclass(frozen=True, slots=True)
class Watched:
    """One version of a service, as far as files matter to it."""

    service: str
    version: str
    context: str | None
    dockerfile: str | None
    lent: tuple[str, ...]  # folders inside the context that are another service's own
    rules: tuple[Rule, ...]
    shared: tuple[str, ...]  # folders elsewhere that it is told to import from
    built: bool


@dataclass(frozen=True, slots=True)
class Layout:
    areas: tuple[Area, ...]
    versions: tuple[Watched, ...]
    config: frozenset[str]

    def services(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(watched.service for watched in self.versions))

    def within(self, service: str, path: str) -> str:
        """The path as seen from the service's own folder, where it lies in it."""
        folders = [one.context for one in self.versions if one.service == service and one.context]
        around = max((folder for folder in folders if is_below(path, folder)), key=len, default="/")
        return posixpath.relpath(path, around) if around != "/" else path


def lay_out(project: Project, built: Built) -> Layout:
    """Without the versions whose `reload.watch` is off."""
    contexts = {_text(version.build.context) for _, version in _versions(project) if version.build is not None}
    versions = tuple(
        _watched(service, version, project, contexts, built)
        for service, version in _versions(project)
        if version.reload.watch
    )
    return Layout(
        areas=_areas(versions),
        versions=versions,
        config=frozenset(_text(file) for file in project.files),
    )


def is_below(path: str, folder: str) -> bool:
    """The folder itself counts."""
    return path == folder or path.startswith(folder if folder.endswith("/") else f"{folder}/")


def _versions(project: Project) -> Iterator[tuple[Service, Version]]:
    for service in project.services.values():
        for version in service.versions:
            yield service, version


def _watched(service: Service, version: Version, project: Project, contexts: set[str], built: Built) -> Watched:
    context = _text(version.build.context) if version.build is not None else None
    dockerfile = None
    if version.build is not None and context is not None:
        dockerfile = posixpath.normpath(posixpath.join(context, version.build.dockerfile or "Dockerfile"))
    lent = tuple(sorted(other for other in contexts if context and other != context and is_below(other, context)))
    return Watched(
        service=service.name,
        version=version.name,
        context=context,
        dockerfile=dockerfile,
        lent=lent,
        rules=tuple(_rule(rule) for rule in version.watch),
        shared=tuple(_search_paths(version, context, _text(project.root))),
        built=built(service, version),
    )


def _rule(rule: WatchRule) -> Rule:
    return Rule(
        path=_text(rule.path),
        action=Action(rule.action),
        target=rule.target,
        ignore=DockerPatterns(rule.ignore),
        include=DockerPatterns(rule.include),
        command=rule.command,
    )


def _search_paths(version: Version, context: str | None, root: str) -> Iterator[str]:
    """Folders of the project that the version's own environment tells its language to import from."""
    for name in _SEARCH_PATHS if context else ():
        template = version.environment.get(name)
        if template is None or not all(isinstance(part, str) for part in template.parts):
            continue
        for entry in "".join(str(part) for part in template.parts).split(os.pathsep):
            folder = posixpath.normpath(posixpath.join(context or "", entry)) if entry else ""
            if folder and is_below(folder, root) and folder != root and not is_below(folder, context or ""):
                yield folder


def _areas(versions: Iterable[Watched]) -> tuple[Area, ...]:
    found: dict[str, Area] = {}
    for watched in versions:
        for area in _areas_of(watched):
            known = found.get(area.root, area)
            found[area.root] = Area(area.root, known.context or area.context, known.dockerfiles | area.dockerfiles)
    return tuple(found.values())


def _areas_of(watched: Watched) -> Iterator[Area]:
    if watched.context is not None:
        yield Area(watched.context, True, frozenset({watched.dockerfile} if watched.dockerfile else ()))
        if watched.dockerfile and not is_below(watched.dockerfile, watched.context):
            yield Area(watched.dockerfile)
    for rule in watched.rules:
        yield Area(rule.path)
    for folder in watched.shared:
        yield Area(folder)


def _text(path: Path) -> str:
    return posixpath.normpath(path.as_posix())
