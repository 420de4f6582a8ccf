"""Where Envoy runs, seen from containers: on the host beside one bridge, or in a container with a private bridge for
each instance. Pure; the measured facts behind it are among the decisions in sandbox/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HOST, CONTAINER = "host", "container"


@dataclass(frozen=True, slots=True)
class Layout:
    proxy: str  # host | container
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """What the proxy must know of the project's networks. Ranges are CIDR."""

    layout: Layout
    bind: str  # the address at which Envoy listens for instances
    ranges: Mapping[str, str]  # service → the range its instances call from
    pool: str  # all of them
    host: str  # the address of this machine as a proxy container sees it
    uplink: str  # the range from which this machine reaches a proxy container
    proxy: str  # the address of a proxy container on the uplink
    nobody: tuple[str, ...] = ()  # addresses within the ranges from which no instance calls


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    name: str  # "Docker 20.10.24", "Podman 5.4"
    desktop: bool  # its containers live in a virtual machine of their own
    rootless: bool
    podman: bool
    filters_bridges: bool  # packets between two containers of one bridge pass the packet filter
    memory: int  # bytes


def facts(info: Mapping[str, Any], version: Mapping[str, Any], *, linux: bool, filters_bridges: bool) -> EngineFacts:
    """From the engine's answers to `info` and `version`. `linux`: we run on Linux ourselves."""
    options = [str(option) for option in info.get("SecurityOptions") or ()]
    components = [str(part.get("Name", "")) for part in version.get("Components") or ()]
    podman = any("podman" in name.lower() for name in components)
    return EngineFacts(
        name=f"{'Podman' if podman else 'Docker'} {version.get('Version', '')}".strip(),
        desktop="desktop" in str(info.get("OperatingSystem", "")).lower() or not linux,
        rootless=any("name=rootless" in option for option in options),
        podman=podman,
        filters_bridges=filters_bridges,
        memory=int(info.get("MemTotal") or 0),
    )


def choose_layout(wanted: str, engine: EngineFacts, in_the_way: Sequence[str]) -> Layout:
    """`wanted`: auto | host | container. `in_the_way`: why ports that services declare can't be opened on the host."""
    if wanted != "auto":
        return Layout(wanted, "it was asked for (docker.proxy)")
    obstacles = (
        (engine.podman, "Podman does not separate the containers of one network"),
        (engine.desktop, "the engine's containers live in a virtual machine"),
        (engine.rootless, "a rootless engine's networks can't be reached from the host"),
        (not engine.filters_bridges, "this kernel does not filter packets within a bridge (br_netfilter)"),
        (bool(in_the_way), "; ".join(in_the_way)),
    )
    for obstacle, reason in obstacles:
        if obstacle:
            return Layout(CONTAINER, reason)
    return Layout(HOST, "the engine runs on this machine, so one bridge and the host's Envoy are enough")
