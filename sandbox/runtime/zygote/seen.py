"""From the file names in a process's memory to the modules it imported."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_NEVER = frozenset({"__main__", "sitecustomize", "usercustomize", "site", "idlelib", "lib2to3", "turtle", "test"})
"""Programs, and what the interpreter's start is made of."""

SITE = "site-packages"


def library_folders(environment: Path) -> tuple[str, ...]:
    """Where modules of the environment and of its interpreter lie, as the interpreter names them; () for none."""
    found = [str(place) for place in environment.glob(f"lib/python3.*/{SITE}")]
    interpreter = (environment / "bin" / "python").resolve()
    versions = [Path(place).parent.name for place in found]
    base = [str(interpreter.parent.parent / "lib" / version) for version in versions]
    return tuple(found + [place for place in base if Path(place).is_dir()])


def modules(files: Iterable[str]) -> frozenset[str]:
    """`files` are paths below a library folder, such as `anyio/_core/__init__.py`."""
    return frozenset(name for file in files if (name := module_of(file)) is not None)


def module_of(file: str) -> str | None:
    """None for what can't be imported by name, or must not be."""
    stem = file.removesuffix(".py")
    if stem == file:
        folder, _, last = file.rpartition("/")
        stem = f"{folder}/{last.partition('.')[0]}".lstrip("/")
        if not last.endswith(".so"):
            return None
    parts = stem.removesuffix("/__init__").split("/")
    if not all(part.isidentifier() for part in parts) or not parts or _NEVER.intersection(parts):
        return None
    return ".".join(parts)
