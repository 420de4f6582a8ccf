"""Profiles: settings that lie under the user's files, by name or as a file of one's own."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from sandbox.config.tree import Entries, Problems, quoted
from sandbox.errors import Location
from sandbox.shipped import PROFILES, shipped

DEFAULT = "standard"
REFERENCE = "reference"
"""Lies beside the profiles and is the commented list of every key."""


def profile_names() -> list[str]:
    return sorted(file.stem for file in shipped(PROFILES).glob("*.yaml") if file.stem != REFERENCE)


def profile_file(name: str, problems: Problems) -> Path | None:
    """The file of a profile: a shipped one by its name, or any YAML file by its path."""
    if name in profile_names():
        return shipped(PROFILES) / f"{name}.yaml"
    if _is_path(name):
        return Path(name)
    location = Location(f"--profile {name}")
    if name == REFERENCE:
        problems.add(location, "is the reference of every key, not a profile", f"choose one of {_listed()}")
    else:
        near = get_close_matches(name, profile_names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"profiles: {_listed()}, or the path of a YAML file"
        problems.add(location, f"there is no profile {quoted(name)}", hint)
    return None


def absolute(name: str) -> str:
    """The same profile for a reader in another folder."""
    return name if name in profile_names() or not _is_path(name) else str(Path(name).absolute())


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith((".yaml", ".yml"))


def _listed() -> str:
    return ", ".join(profile_names())


def refuse_other_keys(profile: Entries, settings: Collection[str], problems: Problems) -> None:
    """A profile holds settings; services belong into the project's own files."""
    for key, entry in profile.entries.items():
        if key not in settings and not key.startswith("x-"):
            hint = f"keys here: {', '.join(settings)}"
            problems.add(entry.key, f"a profile can't have {quoted(key)}, only settings", hint)
