"""What a container is made with, as the engine's API wants it. Pure.

API: docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.model import Mount, MountKind, Project, Version
from sandbox.runtime.base import InstanceSpec
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.hardening import hardening
from sandbox.runtime.docker.networks import Attachment
from sandbox.runtime.expand import expand

MOST_PROCESSES = 1024
"""As many as a large Java service has threads, and few enough that a fork bomb stays in its container."""

MOST_MEMORY = 4 * 1024**3
"""Bytes for an instance that names no limit, where half of the engine's memory is not less."""

_LOG = {"type": "json-file", "config": {"max-size": "16m", "max-file": "2"}}
"""What the engine keeps until we have read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all containers of a project share."""

    id: str  # the project's, unique on this machine
    project: Project
    memory: int  # bytes the engine has
    names: Mapping[str, str]  # host name → "proxy", or an address


def container_name(id: str, instance: str) -> str:
    return f"{id}-{instance}"


def payload(spec: InstanceSpec, frame: Frame, attachment: Attachment) -> dict[str, Any]:
    """The body of a request to create the instance's container."""
    version, environment = spec.workload.version, spec.environment
    return {
        "Image": spec.artifact.image,
        "Hostname": spec.id[:63],
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Labels": {**version.labels, **_labels(spec, frame)},
        "StopSignal": version.stop_signal,
        "HostConfig": {
            **_limits(version, frame.memory),
            **hardening(version),
            "Init": True,
            "Mounts": [_mount(one, frame) for one in (*version.mounts, *spec.artifact.mounts) if one.selinux is None],
            "Binds": [_relabelled(one) for one in version.mounts if one.selinux is not None],
            "ExtraHosts": extra_hosts(frame.names, attachment.proxy),
            "LogConfig": {"Type": _LOG["type"], "Config": _LOG["config"]},
            "NetworkMode": attachment.network,
            "RestartPolicy": {"Name": "no"},
        },
        "NetworkingConfig": {
            "EndpointsConfig": {attachment.network: {"IPAMConfig": {"IPv4Address": attachment.address}}}
        },
        **_command(spec),
        **({"User": version.user} if version.user else {}),
        **({"WorkingDir": version.working_dir} if version.working_dir else {}),
        "Healthcheck": {"Test": ["NONE"]},  # we ask ourselves
    }


def extra_hosts(names: Mapping[str, str], proxy: str) -> list[str]:
    return [f"{name}:{proxy if address == 'proxy' else address}" for name, address in names.items()]


def _labels(spec: InstanceSpec, frame: Frame) -> dict[str, str]:
    return labels.of_container(
        frame.id,
        frame.project,
        service=spec.service,
        version=spec.workload.version.name,
        instance=spec.id,
        index=spec.index,
        fingerprint=spec.artifact.fingerprint,
    )


def _command(spec: InstanceSpec) -> dict[str, Any]:
    """As in Compose, an `entrypoint` of the file also drops the image's own command."""
    command = [expand(word, spec.environment) for word in spec.artifact.argv]
    given: dict[str, Any] = {"Cmd": command} if command else {}
    if spec.workload.version.entrypoint is not None:
        given["Entrypoint"] = [expand(word, spec.environment) for word in spec.workload.version.entrypoint] or [""]
        given.setdefault("Cmd", [])
    return given


def _limits(version: Version, memory: int) -> dict[str, Any]:
    most = version.limits.memory or min(MOST_MEMORY, memory // 2 or MOST_MEMORY)
    found: dict[str, Any] = {
        "Memory": most,
        "MemorySwap": most,  # none beyond it: a service that swaps looks healthy and is not
        "PidsLimit": version.limits.pids or MOST_PROCESSES,
    }
    if version.limits.cpus:
        found["NanoCpus"] = int(version.limits.cpus * 1_000_000_000)
    return found


def volume_name(id: str, project: Project, key: str) -> str:
    declared = project.volumes.get(key)
    return (declared.name if declared else None) or f"{id}_{key}"


def _mount(mount: Mount, frame: Frame) -> dict[str, Any]:
    kept: dict[str, Any] = {"Type": str(mount.kind), "Target": mount.target, "ReadOnly": mount.read_only}
    match mount.kind:
        case MountKind.BIND:
            return {**kept, "Source": mount.source}
        case MountKind.TMPFS:
            given = {"SizeBytes": mount.size, "Mode": mount.mode}
            return {**kept, "TmpfsOptions": {name: value for name, value in given.items() if value is not None}}
        case MountKind.VOLUME:
            return {**kept, **_volume(mount, frame)}


def _volume(mount: Mount, frame: Frame) -> dict[str, Any]:
    if mount.source is None:
        return {"VolumeOptions": {"NoCopy": mount.nocopy}}
    declared = frame.project.volumes.get(mount.source)
    is_ours = declared is None or not declared.external  # what has our label goes with `down --purge`
    marks = labels.of_volume(frame.id, mount.source) if is_ours else {}
    source = volume_name(frame.id, frame.project, mount.source)
    return {"Source": source, "VolumeOptions": {"NoCopy": mount.nocopy, "Labels": marks}}


def _relabelled(mount: Mount) -> str:
    """Only this older form of a mount has SELinux's relabelling."""
    options = ",".join(filter(None, (mount.selinux, "ro" if mount.read_only else "")))
    return f"{mount.source}:{mount.target}:{options}"


def to_create(version: Version) -> list[Path]:
    """Folders of the host that are made when they are missing, as Compose does."""
    return [Path(str(mount.source)) for mount in version.mounts if mount.kind is MountKind.BIND and mount.create]
