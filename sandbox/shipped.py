"""What ships beside the code: profiles and sample apps, wherever the package is installed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

PROFILES = "profiles"
SAMPLE_APPS = "sample-apps"


def shipped(kind: str) -> Path:
    """The folder of PROFILES or SAMPLE_APPS: inside an installed package, or at the top of a checkout."""
    package = Path(str(files("sandbox")))
    installed = package / "_shipped" / kind
    return installed if installed.is_dir() else package.parent / kind
