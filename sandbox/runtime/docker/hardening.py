"""What containers may not do, unless a service opts out. Pure."""

from __future__ import annotations

from typing import Any

from sandbox.model import Version

FORGERS = ("NET_ADMIN", "NET_RAW")
"""Capabilities by which an instance could call from another's address."""


def hardening(version: Version) -> dict[str, Any]:
    """Whatever a service opts out of, it can't pretend to be another one."""
    given = {"CapAdd": [one for one in version.cap_add if one not in FORGERS], "ReadonlyRootfs": version.read_only}
    if not version.hardened:
        return {**given, "CapDrop": list(FORGERS)}
    return {**given, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges:true"]}


def softened(version: Version) -> str | None:
    """What a service opted out of, in words for `ps` and a warning; None when it is hardened in full."""
    if not version.hardened:
        return "not hardened: it keeps the engine's default capabilities and may gain privileges"
    if version.cap_add:
        return f"given the capabilities {', '.join(version.cap_add)}"
    return None
