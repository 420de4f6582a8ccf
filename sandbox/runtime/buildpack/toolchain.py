"""The programs that a language needs on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from sandbox.errors import RuntimeFailure

HINTS: Mapping[str, str] = {
    "node": "install Node.js: https://nodejs.org",
    "npm": "install Node.js: https://nodejs.org",
    "go": "install Go: https://go.dev/dl",
    "java": "install a JDK: https://adoptium.net",
    "mvn": "install Maven: https://maven.apache.org, or add its wrapper to the folder: mvn wrapper:wrapper",
}


def find_program(name: str, host: Mapping[str, str], service: str) -> str:
    """RuntimeFailure when it is not installed."""
    found = shutil.which(name, path=host.get("PATH"))
    if found is None:
        hint = HINTS.get(name, f"install {name}")
        raise RuntimeFailure(
            f"needs {name}, which is not installed", place=service, hint=f"{hint}; or use --runtime docker"
        )
    return found
