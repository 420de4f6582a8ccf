"""`sandbox init`: write a commented sandbox.yaml for the folder it finds."""

from __future__ import annotations

import shlex
from argparse import Namespace
from pathlib import Path

from sandbox.config.locate import file_in
from sandbox.config.scaffold import scaffold
from sandbox.errors import UsageError
from sandbox.files import write_atomic


def run(options: Namespace) -> int:
    folder = Path(options.folder)
    if not folder.is_dir():
        hint = "name the folder that your services are in, or leave it out for this one"
        raise UsageError("is not a folder", place=options.folder, hint=hint)
    found = file_in(folder)
    if found is not None and not options.force:
        raise _there_is(found, "" if options.folder == "." else f" {shlex.quote(options.folder)}")
    target = found if found is not None and _is_ours(found) else folder / "sandbox.yaml"
    write_atomic(target, scaffold(folder.resolve()).encode(), mode=0o644)
    print(f"wrote {target}")
    print("next: look through it, then run `sandbox up`")
    return 0


def _is_ours(file: Path) -> bool:
    return file.stem == "sandbox"


def _there_is(file: Path, folder: str) -> UsageError:
    """folder: as a command names it, after a space."""
    if _is_ours(file):
        return UsageError("already exists", place=str(file), hint=f"replace it with `sandbox init --force{folder}`")
    hint = f"start it: sandbox up{folder} (to have a sandbox.yaml instead of it: sandbox init --force{folder})"
    return UsageError("is there, and needs no init", place=str(file), hint=hint)
