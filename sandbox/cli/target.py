"""What a command that reads the configuration is pointed at: a PATH, files, or what lies around here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox.config.locate import file_in, find_project_file, resolve_app
from sandbox.errors import UsageError


def configuration_files(path: str | None, files: Sequence[str]) -> list[Path]:
    """The files to merge, in order. UsageError when there is none.

    path: an app's folder, a file, or the name of a sample app. files: as given with -f.
    """
    if path is not None and files:
        raise UsageError("takes either a PATH or -f FILE, not both", hint="leave one of them out")
    if files:
        return [existing(file) for file in files]
    if path is not None:
        return [resolve_app(path)]
    if (nearest := find_project_file(Path.cwd())) is not None:
        return [nearest]
    raise UsageError(
        "there is no sandbox.yaml or compose.yaml here or in a folder above",
        hint="write one with `sandbox init`, or try a sample app: `sandbox up bakery`",
    )


def existing(file: str) -> Path:
    if not Path(file).is_file():
        raise UsageError("there is no such file", place=file, hint=_near(Path(file)))
    return Path(file).absolute()


def _near(file: Path) -> str:
    """The configuration that lies in that folder, if one does."""
    folder = file if file.is_dir() else file.parent
    found = file_in(folder)
    return f"did you mean {found}?" if found is not None else "check the path; `sandbox init` writes a sandbox.yaml"
