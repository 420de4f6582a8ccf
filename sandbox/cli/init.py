"""`sandbox init`: write a commented sandbox.yaml for the folder it finds."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from sandbox.config.scaffold import scaffold
from sandbox.errors import UsageError
from sandbox.files import write_atomic


def run(options: Namespace) -> int:
    folder = Path(options.folder)
    if not folder.is_dir():
        raise UsageError("is not a folder", place=options.folder)
    target = folder / "sandbox.yaml"
    if target.exists() and not options.force:
        raise UsageError("already exists", place=str(target), hint="replace it with `sandbox init --force`")
    write_atomic(target, scaffold(folder.resolve()).encode(), mode=0o644)
    print(f"wrote {target}")
    print("next: look through it, then run `sandbox up`")
    return 0
