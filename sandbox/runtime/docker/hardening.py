"""What containers may not do, unless a service opts out. Pure."""

from __future__ import annotations

from typing import Any

from sandbox.model import Version

FORGERS = ("NET_ADMIN", "NET_RAW")
"""Capabilities by which an instance could call from another's address."""


def hardening(version: Version) -> dict[str, Any]:
    """Whatever a service opts out of, it can't pretend to be another one."""
    if not version.hardened:
        return {"CapDrop": list(FORGERS), "CapAdd": list(version.cap_add), "ReadonlyRootfs": version.read_only}
    return {
        "CapDrop": ["ALL"],
        "CapAdd": list(version.cap_add),
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": version.read_only,
    }


def softened(version: Version) -> str | None:
    """What a service opted out of, in words for `ps` and a warning; None when it is hardened in full."""
    if not version.hardened:
        return "not hardened: it keeps the engine's default capabilities and may gain privileges"
    if version.cap_add:
        return f"given the capabilities {', '.join(version.cap_add)}"
    return None
