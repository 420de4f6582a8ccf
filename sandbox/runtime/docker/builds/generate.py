"""From a folder without a Dockerfile to the recipe of its image. Pure, but for reading the folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.errors import RuntimeFailure
from sandbox.model import Build, Project
from sandbox.runtime.buildpack.detect import detect
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder, read_folder
from sandbox.runtime.docker.builds import go, java, node, python
from sandbox.runtime.docker.builds.dockerfile import Recipe, home
from sandbox.runtime.docker.images import image_for

ImageFor = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    recipe: Recipe
    folder: Folder
    language: str
    origin: str


def own_dockerfile(build: Build) -> str | None:
    """The Dockerfile that the project names or its folder has, as `build.dockerfile` would say it."""
    if build.dockerfile is not None:
        return build.dockerfile
    return "Dockerfile" if (build.context / "Dockerfile").is_file() else None


def generate(build: Build, command: Sequence[str] | None, image: ImageFor) -> Generated:
    """RuntimeFailure when the folder can't be read or does not tell how to run it."""
    folder = read_folder(build.context)
    detected = detect(folder, command)
    return Generated(
        recipe=_recipe(folder, detected, image), folder=folder, language=detected.language, origin=detected.origin
    )


def _recipe(folder: Folder, detected: Detected, image: ImageFor) -> Recipe:
    match detected.language:
        case "python":
            return python.recipe(folder, detected, image("python"))
        case "node":
            return node.recipe(folder, detected, image("node"))
        case "go":
            return go.recipe(folder, detected, image("go"), image("run"))
        case "java":
            return java.recipe(folder, detected, image("java"))
        case "static":
            return Recipe(base=image("python"), argv=("python3", *detected.argv[1:]), setup=home("PYTHONUNBUFFERED=1"))
    return Recipe(base=image("run"), argv=detected.argv, setup=home())


def needed(project: Project, environ: Mapping[str, str], runtime: str = "docker") -> set[str]:
    """The images that a project's services name, and those that its builds without a Dockerfile start from. A folder
    that can't be understood needs none: building it says why."""
    found: set[str] = set()
    for service in project.services.values():
        if (service.runtime or runtime) != "docker":
            continue
        for version in service.versions:
            if version.image is not None:
                found.add(version.image)
            elif version.build is not None and own_dockerfile(version.build) is None:
                found |= _bases(version.build, version.command, project.settings.docker.images, environ)
    return found


def _bases(
    build: Build, command: Sequence[str] | None, settings: Mapping[str, str], environ: Mapping[str, str]
) -> frozenset[str]:
    try:
        return generate(build, command, lambda purpose: image_for(purpose, settings, environ)).recipe.images
    except RuntimeFailure:
        return frozenset()
