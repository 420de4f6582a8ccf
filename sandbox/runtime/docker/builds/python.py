"""Python images: dependencies in a virtual environment, which also Debian's own Python allows (PEP 668)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from sandbox.runtime.buildpack.detect_python import pyproject
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder
from sandbox.runtime.buildpack.python import requirement_files
from sandbox.runtime.docker.builds.dockerfile import EVERYTHING, HOME, Recipe, Stage, home, run

_VENV = "/opt/venv"
_QUIET = "--no-cache-dir --disable-pip-version-check --progress-bar off"
_PIP = f"{_VENV}/bin/pip install {_QUIET}"
_MAKE = f"python3 -m venv {_VENV}"
_UV = "/opt/uv"
_SYNC = (
    f"UV_PROJECT_ENVIRONMENT={_VENV} UV_PYTHON_DOWNLOADS=never "
    f"{_UV}/bin/uv sync --frozen --no-dev --no-install-project --inexact --no-cache --compile-bytecode"
)
_SETUP = home(f"PATH={_VENV}/bin:$PATH", f"VIRTUAL_ENV={_VENV}", "PYTHONUNBUFFERED=1")
_LOCAL = re.compile(r"^\s*(?:-e\b|--editable\b|\.{0,2}/|file:|\.(?:\[|\s*$))|@\s*file:", re.MULTILINE)
"""Requirements that are found in the folder itself."""


def recipe(folder: Folder, detected: Detected, image: str) -> Recipe:
    project = pyproject(folder)
    if "uv.lock" in folder.names and "project" in project:
        return _locked(project, detected, image)
    if "requirements.txt" in folder.names:
        return _required(folder, detected, image)
    if "build-system" in project or project.get("project", {}).get("dependencies"):
        return _described(project, detected, image)
    bare = run(f"{_MAKE} --without-pip")
    return Recipe(base=image, argv=detected.argv, setup=(*_SETUP, bare))


def _locked(project: Mapping[str, Any], detected: Detected, image: str) -> Recipe:
    """What uv.lock says, installed by uv itself."""
    uv = run(_MAKE, f"python3 -m venv {_UV}", f"{_UV}/bin/pip install {_QUIET} uv")
    stage = _stage(image, ("COPY pyproject.toml uv.lock ./", run(_SYNC)), before=uv)
    return _with_package(
        project,
        Recipe(
            base=image, argv=detected.argv, setup=_SETUP, dependencies=stage, manifests=("pyproject.toml", "uv.lock")
        ),
    )


def _required(folder: Folder, detected: Detected, image: str) -> Recipe:
    files = requirement_files(folder.path)
    everything = any(_LOCAL.search(data.decode("utf-8", "replace")) for data in files.values())
    manifests = EVERYTHING if everything else tuple(sorted(files))
    lines = (*copies(manifests), run(f"{_PIP} -r requirements.txt"))
    stage = _stage(image, lines)
    return Recipe(base=image, argv=detected.argv, setup=_SETUP, dependencies=stage, manifests=manifests)


def _described(project: Mapping[str, Any], detected: Detected, image: str) -> Recipe:
    """pyproject.toml alone. Its dependencies are named one by one: another description installs nothing."""
    table = project.get("project", {})
    wanted = [_one_line(word) for word in table.get("dependencies", [])]
    lines = (run(f"{_PIP} {' '.join(map(shlex.quote, wanted))}"),) if wanted else ()
    made = Recipe(base=image, argv=detected.argv, setup=_SETUP, dependencies=_stage(image, lines))
    return _with_package(project, made)


def _with_package(project: Mapping[str, Any], made: Recipe) -> Recipe:
    """A project with a build system is installed itself, by a stage that may ask the index for the build system."""
    if "build-system" not in project:
        return made
    known = "dependencies" not in project.get("project", {}).get("dynamic", []) and "project" in project
    lines = (f"WORKDIR {HOME}", "COPY . .", run(f"{_PIP} {'--no-deps ' if known else ''}."))
    build = Stage(name="build", base="dependencies", lines=lines, leaves=(_VENV,))
    return Recipe(
        base=made.base,
        argv=made.argv,
        setup=made.setup,
        dependencies=made.dependencies,
        manifests=made.manifests,
        build=build,
    )


def _stage(image: str, lines: tuple[str, ...], before: str = run(_MAKE)) -> Stage:
    return Stage(name="dependencies", base=image, lines=(before, f"WORKDIR {HOME}", *lines), leaves=(_VENV,))


def _one_line(requirement: object) -> str:
    return " ".join(str(requirement).split())


def copies(manifests: tuple[str, ...]) -> tuple[str, ...]:
    """Every file to where it lies in the folder."""
    if manifests == EVERYTHING:
        return ("COPY . .",)
    by_folder: dict[str, list[str]] = {}
    for name in manifests:
        by_folder.setdefault(name.rpartition("/")[0], []).append(name)
    return tuple(f"COPY {' '.join(names)} ./{place and place + '/'}" for place, names in sorted(by_folder.items()))
