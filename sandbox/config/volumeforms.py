"""Compose's short forms of mounts: `[SOURCE:]TARGET[:OPTION,…]` under volumes, `TARGET[:OPTION,…]` under tmpfs."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from sandbox.config.containerfields import file_mode, mount_target
from sandbox.config.fields import fault, kind
from sandbox.config.sizes import parse_size
from sandbox.config.tree import quoted
from sandbox.model import Mount, MountKind

_HINT = 'write "./folder:/path", "volume:/path" or "./file:/path:ro"'
_TMPFS_HINT = 'write "/path" or "/path:size=64M,mode=1777"'

_WINDOWS = re.compile(r"[A-Za-z]:(\\|/.*:[/\\])")

# Volumes are the engine's own and need no labels for SELinux; consistency is for engines of the past.
_ACCEPTED = ("ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent")
_PROPAGATION = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
_ALWAYS_SO = frozenset({"noexec", "nosuid", "nodev"})
"""Options that the engine gives every tmpfs."""


def long_form(value: object) -> Any:
    """The map that a short form stands for; a map as it is, for the model to judge."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        raise fault(f"should be a mount, not {kind(value)}", _HINT)
    if _WINDOWS.match(value):
        raise fault(f"{quoted(value)} is a path of Windows", "write it as Linux has it: /mnt/c/…")
    parts = value.split(":")
    if len(parts) > 3 or not all(parts):
        raise fault(f"{quoted(value)} is no mount", _HINT)
    if len(parts) == 1:
        return {"type": "volume", "target": _anonymous(value)}
    source, target, *options = parts
    mount: dict[str, Any] = {"type": "bind" if is_path(source) else "volume", "source": source, "target": target}
    for option in options[0].split(",") if options else ():
        _apply(option, mount)
    return mount


def is_path(source: str) -> bool:
    """Compose's rule for telling a path from the name of a volume."""
    return source.startswith((".", "/", "~"))


def _anonymous(text: str) -> str:
    if not text.startswith("/"):
        raise fault(f"{quoted(text)} doesn't say where it is mounted", _HINT)
    return text


def _apply(option: str, mount: dict[str, Any]) -> None:
    match option:
        case "ro" | "rw":
            mount["read_only"] = option == "ro"
        case "z" | "Z" if mount["type"] == "bind":
            mount["bind"] = {"selinux": option}
        case "nocopy" if mount["type"] == "volume":
            mount["volume"] = {"nocopy": True}
        case _ if option in _PROPAGATION:
            raise fault(f"has the option {option}, which sandbox does not support yet", "leave it out")
        case _ if option not in _ACCEPTED:
            raise fault(f"has an unknown option: {quoted(option)}", _near(option, _ACCEPTED, "use ro, rw, z or Z"))


def _near(option: str, options: tuple[str, ...], otherwise: str) -> str:
    near = get_close_matches(option, options, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def tmpfs(value: object) -> Mount:
    """The mount that an entry of `tmpfs` stands for."""
    if not isinstance(value, str):
        raise fault(f"should be text, not {kind(value)}", _TMPFS_HINT)
    path, colon, options = value.partition(":")
    given: dict[str, Any] = {}
    for option in options.split(",") if colon else ():
        given |= _tmpfs_option(option)
    return Mount(kind=MountKind.TMPFS, source=None, target=mount_target(path), **given)


def _tmpfs_option(option: str) -> dict[str, Any]:
    name, _, value = option.partition("=")
    if option in ("ro", "rw"):
        return {"read_only": option == "ro"}
    if option in _ALWAYS_SO:
        return {}
    if name == "size":
        return {"size": _tmpfs_size(value)}
    if name == "mode":
        return {"mode": file_mode(value)}
    raise fault(f"has the option {quoted(option)}, which sandbox does not know", _TMPFS_HINT)


def _tmpfs_size(text: str) -> int:
    try:
        size = parse_size(text)
    except ValueError:
        size = 0
    if not size:
        raise fault(f"has a size that is none: {quoted(text)}", _TMPFS_HINT)
    return size
