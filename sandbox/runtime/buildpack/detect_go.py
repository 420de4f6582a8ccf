"""Go folders: a module with one program, or a single file."""

from __future__ import annotations

import re

from sandbox.errors import RuntimeFailure
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder

LOOKED_FOR = ("go.mod", "main.go")


def detect_go(folder: Folder) -> Detected | None:
    """RuntimeFailure when a module has no program, or several."""
    if "go.mod" not in folder.names:
        return Detected(("go", "run", "main.go"), "main.go", "go") if _is_program(folder, "main.go") else None
    if any(_is_program(folder, name) for name in folder.names if name.endswith(".go") and "/" not in name):
        return Detected(("go", "run", "."), "go.mod", "go")
    programs = sorted(
        name.removesuffix("/main.go") for name in folder.names if re.fullmatch(r"cmd/[^/]+/main\.go", name)
    )
    if len(programs) == 1:
        return Detected(("go", "run", f"./{programs[0]}"), f"the program {programs[0]}", "go")
    found = f"several programs: {', '.join(programs)}" if programs else "no package main in it or in cmd/"
    raise RuntimeFailure(
        f"the Go module has {found}",
        place=str(folder.path),
        hint=f"say which one, for example: command: go run ./{programs[0] if programs else 'server'}",
    )


def go_run(argv: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """What `go run` is to build, and the arguments of the program; None when argv is something else, or has flags."""
    if argv[:2] != ("go", "run") or len(argv) < 3 or argv[2].startswith("-"):
        return None
    files = 1
    while argv[2].endswith(".go") and files < len(argv) - 2 and argv[2 + files].endswith(".go"):
        files += 1
    return argv[2 : 2 + files], argv[2 + files :]


def program_name(folder: Folder, target: str) -> str:
    """What `go build` would call the program: the last part of its import path that is no major version."""
    module = re.search(r"^module\s+\"?([^\s\"]+)", folder.texts.get("go.mod", ""), re.MULTILINE)
    path = target.removeprefix("./").strip("./") or (module[1] if module else folder.path.name)
    parts = [part for part in path.removesuffix(".go").split("/") if part and not re.fullmatch(r"v\d+", part)]
    return re.sub(r"[^A-Za-z0-9._-]", "-", parts[-1]) if parts else "program"


def _is_program(folder: Folder, name: str) -> bool:
    if name.endswith("_test.go"):
        return False
    return re.search(r"^package\s+main\b", folder.texts.get(name, ""), re.MULTILINE) is not None
