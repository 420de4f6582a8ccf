"""Which commands are a Python program that would stop in our hook, and so can be started ahead of time.

Of any other the start would be the thing itself: a shell script that runs migrations, a Python told to ignore
PYTHONPATH. So only what is certain counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_FLAGS = re.compile(r"-[uBObsPq]+")
"""Of the interpreter's options, those that neither hide our hook nor take a word of their own."""

_PREVENTING = frozenset({"PYTHONINSPECT", "PYTHONPROFILEIMPORTTIME", "PYTHONVERBOSE", "PYTHONHOME", "PYTHONPLATLIBDIR"})

# How uv begins the scripts of environments that can be moved: sh replaces itself by the Python beside the script.
_TRAMPOLINE = re.compile(
    rb"#!/bin/sh\n'''exec' \"\$\(dirname -- \"\$\(realpath -- \"\$0\"\)\"\)\"/'(python[\d.]*)' \"\$0\" "
)


def is_warmable(argv: Sequence[str], cwd: Path, environment: Mapping[str, str], place: Path) -> bool:
    """Whether `argv` runs a Python program by the interpreter of the Python environment `place`."""
    if prevents(environment):
        return False
    program = _find(argv[0], cwd, environment)
    if program is None:
        return False
    if _PYTHON.fullmatch(program.name) and program.parent == place / "bin":
        return flags_allow(argv[1:])
    return _interpreter_of(program, environment) == place / "bin"


def flags_allow(words: Sequence[str]) -> bool:
    """Whether an interpreter that is given these words stops in our hook before anything else."""
    for at, word in enumerate(words):
        if not word.startswith("-"):
            return True
        if word in ("-m", "-c"):
            return at + 1 < len(words)
        if not _FLAGS.fullmatch(word):
            return False
    return False


def prevents(environment: Iterable[str]) -> bool:
    """Whether one of these variables makes the interpreter do something else."""
    return not _PREVENTING.isdisjoint(environment)


def is_interpreter(program: str) -> bool:
    """`program` may be a path."""
    return _PYTHON.fullmatch(program.rpartition("/")[2]) is not None


def named_interpreter(head: bytes) -> str | None:
    """The Python that the kernel runs a script with that begins like this: a path, "python3" for one found in PATH,
    "./python3" for one beside the script. None for anything but a plain `python`."""
    if found := _TRAMPOLINE.match(head):
        return f"./{os.fsdecode(found[1])}"
    words = os.fsdecode(head.partition(b"\n")[0]).removeprefix("#!").split()
    if not head.startswith(b"#!") or not words:
        return None
    if words[0].endswith("/env") and len(words) == 2:
        return words[1] if _PYTHON.fullmatch(words[1]) else None
    return words[0] if len(words) == 1 and is_interpreter(words[0]) else None


def _interpreter_of(script: Path, environment: Mapping[str, str]) -> Path | None:
    """The folder of the Python that the kernel runs a script with."""
    try:
        with script.open("rb") as file:
            name = named_interpreter(file.read(512))
    except OSError:
        return None
    if name is None:
        return None
    if name.startswith("./"):
        return script.resolve().parent
    found = Path(name) if "/" in name else _find(name, Path("/"), environment)
    return found.parent if found else None


def _find(program: str, cwd: Path, environment: Mapping[str, str]) -> Path | None:
    if "/" in program:
        return Path(os.path.normpath(cwd / program))
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        found = cwd / folder / program
        if found.is_file() and os.access(found, os.X_OK):
            return found
    return None
