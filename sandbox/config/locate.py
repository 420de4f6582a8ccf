"""Finding files: the project's own, sample apps, and what ships with the package."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from sandbox.errors import UsageError
from sandbox.shipped import SAMPLE_APPS, shipped

FILE_NAMES = ("sandbox.yaml", "sandbox.yml", "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""In the order in which one is preferred over another in the same folder."""


def find_project_file(start: Path) -> Path | None:
    """The configuration file in `start`, or in the nearest folder above that has one."""
    folder = start.absolute()
    return next((file for place in (folder, *folder.parents) if (file := file_in(place))), None)


def file_in(folder: Path) -> Path | None:
    return next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)


def sample_apps() -> dict[str, Path]:
    """The folders of the sample apps, by name."""
    return {file.parent.name: file.parent for file in sorted(shipped(SAMPLE_APPS).glob("*/sandbox.yaml"))}


def resolve_app(name_or_path: str) -> Path:
    """The configuration file of an app: a file, an app's folder, or the name of a sample app.

    A folder that is there wins over a sample app of its name. UsageError when it is none of them.
    """
    place = Path(name_or_path)
    if place.is_file():
        return place.absolute()
    if place.is_dir():
        if (file := file_in(place)) is not None:
            return file.absolute()
        hint = f"write one with `sandbox init {name_or_path}`"
        raise UsageError("has no sandbox.yaml or compose.yaml", place=name_or_path, hint=hint)
    samples = sample_apps()
    if name_or_path in samples and (file := file_in(samples[name_or_path])) is not None:
        return file
    raise UsageError("is neither a folder nor a sample app", place=name_or_path, hint=_samples(name_or_path, samples))


def _samples(name: str, samples: dict[str, Path]) -> str:
    near = get_close_matches(name, samples, n=1)
    listed = f"sample apps: {', '.join(samples)}"
    return f"did you mean {near[0]}? {listed}" if near else listed


__all__ = ["FILE_NAMES", "file_in", "find_project_file", "resolve_app", "sample_apps", "shipped"]
