"""The part of `resolve` that is about containers: mounts, volumes, limits, and how the docker runtime works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.config.schema import (
    BindSpec,
    ContainerSpec,
    DeploySpec,
    DockerSpec,
    ImagesSpec,
    MountSpec,
    TmpfsSpec,
    VersionSpec,
    VolumeOptionsSpec,
    VolumeSpec,
)
from sandbox.model import DockerSettings, Limits, Mount, MountKind, Volume

ToPath = Callable[[str], Path]
"""From a path as written to an absolute one."""


def container_keys(spec: ContainerSpec, to_path: ToPath) -> dict[str, Any]:
    """The fields of `model.Version` that are about containers."""
    return {
        "entrypoint": spec.entrypoint,
        "user": spec.user,
        "working_dir": spec.working_dir,
        "stop_signal": spec.stop_signal,
        "mounts": _mounts(spec, to_path),
        "labels": spec.labels,
        "pull_policy": spec.pull_policy or "missing",
        "read_only": spec.read_only,
        "cap_add": tuple(dict.fromkeys(spec.cap_add)),
        "hardened": spec.hardened,
    }


def _mounts(spec: ContainerSpec, to_path: ToPath) -> tuple[Mount, ...]:
    """Those of later files win over earlier ones' at the same place, as in Compose."""
    volumes = {mount.target: mount for mount in (_mount(volume, to_path) for volume in spec.volumes)}
    in_memory = {mount.target: mount for mount in spec.tmpfs}
    return (*volumes.values(), *in_memory.values())


def _mount(spec: MountSpec, to_path: ToPath) -> Mount:
    bind, tmpfs = spec.bind or BindSpec(), spec.tmpfs or TmpfsSpec()
    is_bind = spec.type == "bind" and spec.source is not None
    create = is_bind and _names_a_folder(spec.source or "")
    return Mount(
        kind=MountKind(spec.type),
        source=str(to_path(spec.source)) if is_bind and spec.source else spec.source,
        target=spec.target,
        read_only=spec.read_only,
        create=create if bind.create_host_path is None else bind.create_host_path,
        selinux=bind.selinux,
        nocopy=(spec.volume or VolumeOptionsSpec()).nocopy,
        size=tmpfs.size,
        mode=tmpfs.mode,
    )


def _names_a_folder(source: str) -> bool:
    """Compose creates whatever is missing as a folder, which for `./nginx.conf` is never what was meant."""
    name = source.rpartition("/")[2]
    return name in ("", ".", "..", "~") or "." not in name or name.endswith(".d")


def volume(key: str, spec: VolumeSpec | None) -> Volume:
    """An external volume without a name has the name of its key."""
    found = spec or VolumeSpec()
    return Volume(name=found.name or (key if found.external else None), external=found.external)


def replicas(spec: VersionSpec) -> int:
    given = [number for number in ((spec.deploy or DeploySpec()).replicas, spec.scale) if number is not None]
    return given[0] if given else 1


def limits(spec: VersionSpec) -> Limits:
    resources = (spec.deploy or DeploySpec()).resources
    found = resources.limits if resources else None
    return Limits(
        memory=(found and found.memory) or spec.mem_limit,
        cpus=(found and found.cpus) or spec.cpus,
        pids=(found and found.pids) or spec.pids_limit,
    )


SHORT_LIMITS: Mapping[str, tuple[str, ...]] = {
    "mem_limit": ("deploy", "resources", "limits", "memory"),
    "cpus": ("deploy", "resources", "limits", "cpus"),
    "pids_limit": ("deploy", "resources", "limits", "pids"),
    "scale": ("deploy", "replicas"),
}
"""Keys that say the same as longer ones."""


def docker_settings(spec: DockerSpec) -> DockerSettings:
    images = {
        purpose: image
        for purpose in ImagesSpec.model_fields
        if spec.images is not None and (image := getattr(spec.images, purpose)) is not None
    }
    given: dict[str, Any] = {} if spec.proxy is None else {"proxy": spec.proxy}
    return DockerSettings(address_pools=tuple(dict.fromkeys(spec.address_pools)), images=images, **given)
