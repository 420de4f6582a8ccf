"""Go images: a static binary, and the folder for what it reads at run time."""

from __future__ import annotations

import re
import shlex

from sandbox.runtime.buildpack.detect_go import go_run, program_name
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder
from sandbox.runtime.docker.builds.dockerfile import EVERYTHING, Recipe, Stage, home, run

_BIN = "/opt/bin"
_KEPT = "/opt/go"
_SOURCE = "/src"
_ENVIRONMENT = f"ENV CGO_ENABLED=0 GOPATH={_KEPT} GOCACHE={_KEPT}/build"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # the image's own, for programs that call out
_COMPILE = "go build net/http encoding/json"
_FORGET = f"rm -rf {_KEPT}/pkg/mod/cache/download/sumdb"  # named after whom checksums were asked of
_BEFORE = (_ENVIRONMENT, f"WORKDIR {_SOURCE}")


def recipe(folder: Folder, detected: Detected, go: str, base: str) -> Recipe:
    target, argv = _program(folder, detected)
    build = Stage(
        name="build",
        base="dependencies",
        lines=(*_BEFORE, "COPY . .", run(f"go build -o {target}")),
        leaves=(_BIN, _CERTIFICATES),
    )
    return Recipe(
        base=base,
        argv=argv,
        setup=home(f"PATH={_BIN}:$PATH"),
        dependencies=_dependencies(folder, go),
        manifests=_manifests(folder),
        build=build,
    )


def _program(folder: Folder, detected: Detected) -> tuple[str, tuple[str, ...]]:
    """What is built, and the command then. A command that is no `go run` finds every program of the module on PATH."""
    wanted = go_run(detected.argv)
    if wanted is None:
        return f"{_BIN}/ ./...", detected.argv
    sources, arguments = wanted
    program = f"{_BIN}/{program_name(folder, sources[0])}"
    return f"{program} {shlex.join(sources)}", (program, *arguments)


def _dependencies(folder: Folder, go: str) -> Stage:
    """The modules, and what most servers need of the standard library, compiled: half of what a first build takes."""
    manifests = _manifests(folder)
    modules = "COPY . ." if manifests == EVERYTHING else f"COPY {' '.join(manifests)} ./"
    lines = (modules, run("go mod download", _FORGET, _COMPILE)) if manifests else (run(_COMPILE),)
    return Stage(name="dependencies", base=go, lines=(*_BEFORE, *lines), leaves=(_KEPT,))


def _manifests(folder: Folder) -> tuple[str, ...]:
    if "vendor" in folder.names:
        return ()
    if "go.work" in folder.names or re.search(r"=>\s*\.{1,2}/", folder.texts.get("go.mod", "")):
        return EVERYTHING
    return tuple(name for name in ("go.mod", "go.sum") if name in folder.names)
