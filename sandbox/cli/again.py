"""The words by which a person comes back to a project from where they are."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from sandbox.config.locate import file_in, find_project_file, sample_apps
from sandbox.model import Project


def up_again(options: Namespace) -> str:
    """The `sandbox up` that was typed, as far as it says what is to run."""
    words = ["sandbox", "up", *([options.path] if options.path else [])]
    named = (("-f", options.files), ("--profile", options.profiles), ("--project", [options.project]))
    words += [word for option, values in named for value in values if value for word in (option, value)]
    if options.runtime:
        words += ["--runtime", options.runtime]
    return shlex.join(words)


def which(project: Project, here: Path, *, others_run: bool = False) -> str:
    """What other commands need to find the project: " --project NAME" where `here` is another one's folder, or none's
    while others run; else ""."""
    nearest = find_project_file(here)
    found = not others_run if nearest is None else nearest.resolve() == project.files[0].resolve()
    return "" if found else f" --project {shlex.quote(project.name)}"


def up_from(files: Sequence[Path], here: Path) -> str:
    """The `sandbox up` that starts a project `here` from the files that it was started with; they may be unknown."""
    nearest = find_project_file(here)
    if not files or (len(files) == 1 and nearest is not None and nearest.resolve() == files[0].resolve()):
        return "sandbox up"
    if len(files) > 1 or file_in(files[0].parent) != files[0]:
        return shlex.join(["sandbox", "up", *(word for file in files for word in ("-f", str(file)))])
    folder = files[0].parent
    is_sample = sample_apps().get(folder.name) == folder
    return shlex.join(["sandbox", "up", folder.name if is_sample else str(folder)])
