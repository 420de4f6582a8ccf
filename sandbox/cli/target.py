"""What `up` and `config` are pointed at: a folder, a sample app, files, or what lies around here."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from sandbox.cli.project import FILE_NAMES, nearest_file
from sandbox.errors import UsageError
from sandbox.shipped import PROFILES, SAMPLE_APPS, shipped


def configuration_files(path: str | None, files: Sequence[str]) -> list[Path]:
    """The files to merge, resolved, in order. UsageError when there is none.

    path: an app's folder or the name of a sample app; a folder of that name wins. files: as given with -f.
    """
    if path is not None and files:
        raise UsageError("takes either a PATH or -f FILE, not both")
    if path is not None:
        return [_of_path(path)]
    if files:
        return [_existing(file) for file in files]
    if (nearest := nearest_file(Path.cwd())) is not None:
        return [nearest]
    raise UsageError(
        "there is no sandbox.yaml here or above", hint="write one with `sandbox init`, or try `sandbox up bakery`"
    )


def _existing(file: str) -> Path:
    if not Path(file).is_file():
        raise UsageError("there is no such file", place=file)
    return Path(file).resolve()


def _of_path(path: str) -> Path:
    folder = Path(path)
    if folder.is_file():
        return folder.resolve()
    if folder.is_dir():
        return _in_folder(folder)
    if path in sample_names():
        return _in_folder(shipped(SAMPLE_APPS) / path)
    raise UsageError("is neither a folder nor a sample app", place=path, hint=_sample_hint(path))


def _in_folder(folder: Path) -> Path:
    for name in FILE_NAMES:
        if (folder / name).is_file():
            return (folder / name).resolve()
    raise UsageError("has no sandbox.yaml", place=str(folder), hint=f"write one with `sandbox init {folder}`")


def _sample_hint(path: str) -> str:
    names = sample_names()
    near = get_close_matches(path, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"sample apps: {', '.join(names)}"


def sample_names() -> list[str]:
    return sorted(file.parent.name for file in shipped(SAMPLE_APPS).glob("*/sandbox.yaml"))


def profile_names() -> list[str]:
    return sorted(file.stem for file in shipped(PROFILES).glob("*.yaml"))
