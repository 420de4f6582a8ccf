"""Node folders: the start script, `main`, or a file with a usual name."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder

FILES = ("index.js", "server.js", "app.js", "main.js", "index.mjs", "server.mjs", "app.mjs")
START_SCRIPT = "the start script in package.json"
LOOKED_FOR = ("a start script or main in package.json", *FILES[:3])


def detect_node(folder: Folder) -> Detected | None:
    package = package_json(folder)
    scripts = package.get("scripts")
    start = scripts.get("start") if isinstance(scripts, dict) else None
    if isinstance(start, str) and start.strip():
        return Detected(_start(start.strip()), START_SCRIPT, "node")
    main = package.get("main")
    if isinstance(main, str) and main.removeprefix("./") in folder.names:
        return Detected(("node", main), "main in package.json", "node")
    for name in FILES:
        if name in folder.names:
            return Detected(("node", name), name, "node")
    return None


def package_json(folder: Folder) -> dict[str, Any]:
    """Empty when there is none. RuntimeFailure when it is not a JSON object."""
    if "package.json" not in folder.texts:
        return {}
    place = str(folder.path / "package.json")
    try:
        package = json.loads(folder.texts["package.json"])
    except (ValueError, RecursionError) as error:
        raise RuntimeFailure(f"is not JSON: {error}", place=place, hint="correct the file") from None
    if not isinstance(package, dict):
        raise RuntimeFailure("is not a JSON object", place=place, hint="correct the file")
    return package


def _start(script: str) -> tuple[str, ...]:
    """A plain `node file` is run without npm in between: quicker, and it hears signals itself."""
    if re.fullmatch(r"node(\s+[\w./@=:-]+)+", script):
        return tuple(script.split())
    return ("npm", "start", "--silent")
