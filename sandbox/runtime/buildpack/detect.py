"""From a folder's contents to the command that runs it. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from sandbox.errors import RuntimeFailure
from sandbox.runtime.buildpack import detect_go as go_folders
from sandbox.runtime.buildpack import detect_java as java_folders
from sandbox.runtime.buildpack import detect_node as node_folders
from sandbox.runtime.buildpack import detect_python as python_folders
from sandbox.runtime.buildpack import detect_static as static_folders
from sandbox.runtime.buildpack.detect_go import detect_go
from sandbox.runtime.buildpack.detect_java import detect_java
from sandbox.runtime.buildpack.detect_node import START_SCRIPT, detect_node
from sandbox.runtime.buildpack.detect_python import detect_python, has_python_manifest
from sandbox.runtime.buildpack.detect_static import detect_static
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder

_KINDS = (python_folders, node_folders, go_folders, java_folders, static_folders)
_LOOKED_FOR = ", ".join(("Procfile", *(name for kind in _KINDS for name in kind.LOOKED_FOR)))


def detect(folder: Folder, command: Sequence[str] | None) -> Detected:
    """The command that was given, or the one the folder tells. RuntimeFailure names what was looked for."""
    if command:
        return Detected(tuple(command), "command", language_of(folder, command[0]))
    from_procfile = _procfile(folder)
    if from_procfile is not None:
        return from_procfile
    found = _compiled(folder) or _scripted(folder) or detect_java(folder) or detect_go(folder) or detect_static(folder)
    if found is not None:
        return found
    raise RuntimeFailure(
        f"can't tell how to run it; looked for {_LOOKED_FOR}",
        place=str(folder.path),
        hint="say it in sandbox.yaml, for example: command: python app.py",
    )


def _compiled(folder: Folder) -> Detected | None:
    """A Go or Java project; scripts in its folder are tools, and a package.json is for its pages."""
    if has_python_manifest(folder):
        return None
    if "go.mod" in folder.names:
        return detect_go(folder)
    return detect_java(folder) if "pom.xml" in folder.names else None


def _scripted(folder: Folder) -> Detected | None:
    """A Python service may keep a package.json for its web page's assets, and the reverse is rare."""
    python, node = detect_python(folder), detect_node(folder)
    if python is not None and (node is None or has_python_manifest(folder) or node.origin != START_SCRIPT):
        return python
    return node


def language_of(folder: Folder, program: str) -> str:
    name = program.rsplit("/", 1)[-1]
    if has_python_manifest(folder) or re.fullmatch(r"(python|pip|flask|uvicorn|gunicorn|hypercorn)[\d.]*", name):
        return "python"
    if "package.json" in folder.names or name in ("node", "npm", "npx"):
        return "node"
    if "go.mod" in folder.names or name == "go":
        return "go"
    if "pom.xml" in folder.names or name in ("java", "mvn"):
        return "java"
    return "other"


def _procfile(folder: Folder) -> Detected | None:
    match = re.search(r"^web:[ \t]*(\S.*?)[ \t]*$", folder.texts.get("Procfile", ""), re.MULTILINE)
    if match is None:
        return None
    line = match[1]
    argv = _plain_words(line) or ("/bin/sh", "-c", line if _assigns(line) else f"exec {line}")
    return Detected(argv, "Procfile", language_of(folder, _first_program(line)))


def _plain_words(line: str) -> tuple[str, ...] | None:
    """The words of a line that needs no shell; None when it does."""
    bare = re.sub(r"\$(PORT|HOST|\{PORT\}|\{HOST\})(?![A-Za-z0-9_])", "", line)
    if _assigns(line) or re.search(r"[$`|&;<>()*?~#\\\n]", bare):
        return None
    try:
        return tuple(shlex.split(line)) or None
    except ValueError:
        return None


def _assigns(line: str) -> bool:
    """`exec A=1 program` is not shell; and with operators, exec would only cover the first part."""
    return re.match(r"[A-Za-z_]\w*=", line) is not None or re.search(r"[;&|\n]", line) is not None


def _first_program(line: str) -> str:
    return next((word for word in line.split() if "=" not in word), "")
