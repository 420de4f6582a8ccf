"""From changed files to what each version of a service has to do. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sandbox.reload.change import Action, Copy, Reaction
from sandbox.reload.layout import Layout, Rule, Watched, is_below

MANIFESTS = (
    *("requirements*.txt", "constraints*.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "Pipfile.lock"),
    *("poetry.lock", "uv.lock", "pdm.lock", ".python-version", "runtime.txt", "environment.yml"),
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", ".npmrc"),
    *(".nvmrc", ".node-version", "tsconfig*.json"),
    *("go.mod", "go.sum", "go.work", "pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle*", "Cargo.toml"),
    *("Cargo.lock", "Gemfile", "Gemfile.lock", "composer.json", "composer.lock"),
    *("Dockerfile", "*.Dockerfile", "Dockerfile.*", ".dockerignore", "*.dockerignore", "Procfile"),
)
"""What a service is made from, or how it is run: the version is prepared anew."""

COMPILED = frozenset({".go", ".java", ".kt", ".scala", ".rs", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".ts", ".tsx"})
"""Sources that are not what runs. For TypeScript that is so where it is `built`, too; without a build it is cheap."""

NO_SOURCE = (
    *(".gitignore", ".gitattributes", ".gitkeep", ".editorconfig", ".pre-commit-config.yaml", "LICENSE*", "COPYING*"),
    *("README*", "CHANGELOG*", "CONTRIBUTING*", "CODEOWNERS"),
)
"""What people and their tools read, and no service does."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that changed, and the areas (by root) whose ignore rules let it through."""

    path: str
    areas: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Step:
    """What one file asks of one version."""

    action: Action
    copy: Copy | None = None
    command: tuple[str, ...] | None = None


def owners(layout: Layout, changed: Changed) -> tuple[str, ...]:
    """The services that have to do something about the file."""
    if changed.path in layout.config:
        return ()
    found = (watched.service for watched in layout.versions if _step(watched, changed) is not None)
    return tuple(dict.fromkeys(found))


def decide(
    layout: Layout, service: str, files: Iterable[Changed], *, incomplete: bool = False
) -> Mapping[str, Reaction]:
    """By version, without those that have nothing to do. When not all files are known, everything is made anew."""
    files = tuple(files)
    found: dict[str, Reaction] = {}
    for watched in layout.versions:
        if watched.service == service:
            steps = [step for changed in files if (step := _step(watched, changed)) is not None]
            if steps:
                found[watched.version] = Reaction(action=Action.REBUILD) if incomplete else _together(steps)
    return found


def _together(steps: list[_Step]) -> Reaction:
    """The strongest action wins. What restarts has no command run before it, and what is rebuilt needs no copies."""
    actions = {step.action for step in steps}
    if Action.REBUILD in actions:
        return Reaction(action=Action.REBUILD)
    copies = tuple(dict.fromkeys(step.copy for step in steps if step.copy is not None))
    if actions & {Action.RESTART, Action.SYNC_RESTART}:
        return Reaction(action=Action.SYNC_RESTART if copies else Action.RESTART, copies=copies)
    commands = tuple(dict.fromkeys(step.command for step in steps if step.command is not None))
    return Reaction(action=Action.SYNC_EXEC if commands else Action.SYNC, copies=copies, commands=commands)


def _step(watched: Watched, changed: Changed) -> _Step | None:
    """Where rules cover the file, the deepest that wants it decides, or none does; elsewhere the defaults do."""
    covering = [rule for rule in watched.rules if rule.path in changed.areas and is_below(changed.path, rule.path)]
    if covering:
        willing = [rule for rule in covering if rule.wants(changed.path)]
        return _ruled(max(willing, key=lambda rule: len(rule.path)), changed.path) if willing else None
    if changed.path == watched.dockerfile:
        return _Step(Action.REBUILD)
    if watched.context in changed.areas and not any(is_below(changed.path, folder) for folder in watched.lent):
        return _default(watched, changed.path)
    shared = any(folder in changed.areas for folder in watched.shared)
    return _default(watched, changed.path) if shared else None


def _ruled(rule: Rule, path: str) -> _Step:
    copy = Copy(Path(path), _target(rule, path)) if rule.target is not None else None
    if rule.action is Action.RESTART or rule.action is Action.REBUILD:
        return _Step(rule.action)
    return _Step(rule.action, copy, rule.command)


def _target(rule: Rule, path: str) -> str:
    relative = posixpath.relpath(path, rule.path)
    return posixpath.normpath(posixpath.join(rule.target or "/", relative))


def _default(watched: Watched, path: str) -> _Step | None:
    name = posixpath.basename(path)
    if _named(name, MANIFESTS) or path == watched.dockerfile:
        return _Step(Action.REBUILD)
    if _named(name, NO_SOURCE):
        return None
    compiled = watched.built or posixpath.splitext(name)[1] in COMPILED
    return _Step(Action.REBUILD if compiled else Action.RESTART)


def _named(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
