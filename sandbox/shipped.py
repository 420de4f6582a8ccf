"""What ships beside the code: profiles and sample apps, wherever the package is installed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

PROFILES = "profiles"
SAMPLE_APPS = "sample-apps"


def shipped(kind: str) -> Path:
    """The folder of PROFILES or SAMPLE_APPS: inside an installed package, or at the top of a checkout."""
    inside = installed() / kind
    return inside if inside.is_dir() else installed().parent.parent / kind


def installed() -> Path:
    """The folder of all that ships inside the package; it is not there in a checkout."""
    return Path(str(files("sandbox"))) / "_shipped"


def shipped_sample(folder: Path) -> str | None:
    """The name of the sample app that lies there in an installed package, of this version or of another."""
    *_, package, inside, kind, name = ("",) * 4 + folder.parts
    return name if (package, inside, kind) == ("sandbox", "_shipped", SAMPLE_APPS) else None
