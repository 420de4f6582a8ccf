"""Which of the user's environment variables reach services."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_OURS = ("SANDBOX_", "UV_")
_INTERPRETER = frozenset(
    {"VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "__PYVENV_LAUNCHER__"}
)
_SHELL = frozenset({"_", "PWD", "OLDPWD", "SHLVL", "PORT", "HOST"})


def base_environment(host: Mapping[str, str]) -> dict[str, str]:
    """The user's environment for services: all of it, as Procfile runners do it, since services are the user's own
    programs under the user's own name and count on variables like AWS_PROFILE.

    Taken out is what would point them at our inside or at somewhere else: our settings and marks (SANDBOX_*), the
    installer's (UV_*), an active Python environment and our own one on PATH, the shell's idea of the folder, and
    PORT and HOST, which every instance gets its own of.
    """
    kept = {
        name: value
        for name, value in host.items()
        if not name.startswith(_OURS) and name not in _INTERPRETER and name not in _SHELL
    }
    kept["PATH"] = _without_ours(host.get("PATH", os.defpath))
    return kept


def _without_ours(path: str) -> str:
    if sys.prefix == sys.base_prefix:
        return path
    ours = str(Path(sys.prefix) / "bin")
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if entry.rstrip("/") != ours)
