"""Node images: node_modules from package.json and whichever lock file there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.runtime.buildpack.detect_node import package_json
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder
from sandbox.runtime.docker.builds.dockerfile import EVERYTHING, HOME, Recipe, Stage, home, run

_KINDS = ("dependencies", "devDependencies", "optionalDependencies")
_SCRIPTS = ("preinstall", "install", "postinstall", "prepare")
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock")
_BESIDE = (".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml")
_QUIET = "--no-audit --no-fund --no-update-notifier"
_SETUP = home(f"PATH={HOME}/node_modules/.bin:$PATH", "npm_config_update_notifier=false")

_FORGET = "rm -f node_modules/.package-lock.json node_modules/.modules.yaml node_modules/.yarn-integrity"
"""In which package managers write down where packages came from."""

_PNPM_OF_LOCK = {"5": "7", "6": "8", "9": "10"}
"""pnpm's version by the major version of its lock file: pnpm.io/installation, and its release notes."""


_YARN_OF_LOCK = {"4": "2", "5": "3", "6": "3", "7": "3", "8": "4.9"}
"""The newest Yarn that leaves a lock file of this version as it is."""


def recipe(folder: Folder, detected: Detected, image: str) -> Recipe:
    package = package_json(folder)
    if not any(package.get(kind) for kind in (*_KINDS, "workspaces")):
        return Recipe(base=image, argv=detected.argv, setup=_SETUP)
    manifests = EVERYTHING if _needs_everything(package) else _manifests(folder)
    copy = "COPY . ." if manifests == EVERYTHING else f"COPY {' '.join(manifests)} ./"
    stage = Stage(
        name="dependencies",
        base=image,
        lines=(f"WORKDIR {HOME}", copy, run(*_install(folder, package), "mkdir -p node_modules", _FORGET)),
        leaves=(f"{HOME}/node_modules",),
    )
    return Recipe(base=image, argv=detected.argv, setup=_SETUP, dependencies=stage, manifests=manifests)


def _manifests(folder: Folder) -> tuple[str, ...]:
    return tuple(name for name in ("package.json", *_LOCKS, *_BESIDE) if name in folder.names)


def _needs_everything(package: Mapping[str, Any]) -> bool:
    """Installing runs the folder's own scripts, or takes packages from the folder itself."""
    scripts = package.get("scripts")
    if package.get("workspaces") or (isinstance(scripts, dict) and any(scripts.get(name) for name in _SCRIPTS)):
        return True
    wanted = [package[kind] for kind in _KINDS if isinstance(package.get(kind), dict)]
    return any(str(found).startswith(("file:", "link:", "workspace:")) for kind in wanted for found in kind.values())


def _install(folder: Folder, package: Mapping[str, Any]) -> tuple[str, ...]:
    if "package-lock.json" in folder.names or "npm-shrinkwrap.json" in folder.names:
        return (f"npm ci {_QUIET}",)
    if "pnpm-lock.yaml" in folder.names:
        return (_global(f"pnpm@{_pnpm(folder, package)}"), "pnpm install --frozen-lockfile")
    if "yarn.lock" in folder.names:
        return _yarn(folder, package)
    return (f"npm install --no-package-lock {_QUIET}",)


def _pnpm(folder: Folder, package: Mapping[str, Any]) -> str:
    lock = re.search(r"^lockfileVersion:\s*'?(\d+)", folder.texts.get("pnpm-lock.yaml", ""), re.MULTILINE)
    return _named(package, "pnpm") or _PNPM_OF_LOCK.get(lock[1] if lock else "", "10")


def _yarn(folder: Folder, package: Mapping[str, Any]) -> tuple[str, ...]:
    """Yarn 2 and later mark their lock file; their own way of finding packages needs node_modules all the same here."""
    lock = re.search(r"^__metadata:\s+version:\s*(\d+)", folder.texts.get("yarn.lock", ""), re.MULTILINE)
    if lock is not None:
        version = _named(package, "yarn") or _YARN_OF_LOCK.get(lock[1], "4")
        return (_global(f"@yarnpkg/cli-dist@{version}"), "YARN_NODE_LINKER=node-modules yarn install --immutable")
    return (_global("yarn@1", "--force"), "yarn install --frozen-lockfile --non-interactive")


def _named(package: Mapping[str, Any], manager: str) -> str | None:
    match = re.match(rf"{manager}@(\d+(?:\.\d+)*)", str(package.get("packageManager", "")))
    return match[1] if match else None


def _global(package: str, *flags: str) -> str:
    return " ".join(("npm install --global", *flags, _QUIET, package))
