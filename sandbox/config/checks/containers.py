"""Checks of what only containers have: mounts and their volumes, and keys that a process can't be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.config.checks.ondisk import holds
from sandbox.config.checks.subject import Subject
from sandbox.config.containerfields import normal
from sandbox.config.containers import SHORT_LIMITS
from sandbox.config.tree import Items, find, plain, quoted
from sandbox.config.tree import Path as TreePath
from sandbox.config.validate import did_you_mean
from sandbox.config.volumeforms import long_form, tmpfs
from sandbox.model import Mount, MountKind, Service, Version, container_only

SOCKETS = frozenset({"docker.sock", "podman.sock", "containerd.sock", "crio.sock"})
SOCKET_FOLDERS = frozenset({"/", "/run", "/run/docker", "/run/podman", "/run/containerd", "/var", "/var/run"})
"""Folders in which engines have their sockets, and folders around these."""


def check_containers(subject: Subject) -> None:
    for service in subject.project.services.values():
        for version in service.versions:
            path = subject.version_path(service.name, version.name)
            _check_limits(subject, path)
            _check_mounts(subject, version, path)
            if service.runtime == "process":
                _check_process(subject, service, version, path)


def _check_limits(subject: Subject, path: tuple[str, ...]) -> None:
    for short, long in SHORT_LIMITS.items():
        one, other = find(subject.root, (*path, short)), find(subject.root, (*path, *long))
        if one is not None and other is not None and str(plain(one)) != str(plain(other)):
            message = f"{short} and {'.'.join(long)} say different things"
            subject.at_key((*path, short), message, f"keep {'.'.join(long)}, and take {short} out")


def _check_mounts(subject: Subject, version: Version, path: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for mount in version.mounts:
        where = _written(subject, mount, path)
        if mount.target in seen:
            subject.at_value(where, f"two mounts are at {mount.target}", "take one of them out")
        seen.add(mount.target)
        if mount.kind is MountKind.BIND:
            _check_bind(subject, mount, Path(mount.source or "/"), where)
        elif mount.kind is MountKind.VOLUME and mount.source is not None:
            _check_volume(subject, mount.source, where)


def _written(subject: Subject, mount: Mount, path: tuple[str, ...]) -> TreePath:
    """Where the mount is in the file; the last of several at the same place is the one that counts."""
    for key in ("tmpfs", "volumes") if mount.kind is MountKind.TMPFS else ("volumes",):
        items = find(subject.root, (*path, key))
        for index, item in reversed(list(enumerate(items.items if isinstance(items, Items) else ()))):
            if _target(key, plain(item)) == mount.target:
                return (*path, key, index)
    return path


def _target(key: str, written: Any) -> str:
    return tmpfs(written).target if key == "tmpfs" else normal(str(long_form(written)["target"]))


def _check_bind(subject: Subject, mount: Mount, source: Path, where: TreePath) -> None:
    if source.name in SOCKETS or str(source) in SOCKET_FOLDERS:
        what = "is an engine's socket" if source.name in SOCKETS else "holds the engine's socket"
        message = f"{source} {what}: whoever has it is root on this machine"
        subject.at_value(where, message, "take it out, or mount only what the service needs")
    elif not mount.create and not holds(source.exists):
        is_refused = subject.has((*where, "bind", "create_host_path"))
        how = "take create_host_path out" if is_refused else "for a folder write bind: {create_host_path: true}"
        subject.at_value(where, f"there is no such file or folder: {source}", f"create it, or {how}")


def _check_volume(subject: Subject, key: str, where: TreePath) -> None:
    declared = subject.project.volumes
    if key in declared:
        return
    otherwise = f"add volumes: {{{key}: }} at the top of the file"
    if holds((subject.project.root / key).exists):
        otherwise += f", or write ./{key} for what is in this folder"
    message = f"{quoted(key)} is mounted, and there is no such volume"
    subject.at_value(where, message, did_you_mean(key, declared, otherwise))


def _check_process(subject: Subject, service: Service, version: Version, path: tuple[str, ...]) -> None:
    for key in container_only(version):
        written = key if subject.has((*path, key)) else "volumes"
        message = f"{written} is for containers, and {service.name} runs as a process"
        hint = "give it a build" if key == "image" else f"take {written} out"
        subject.at_key((*path, written), message, f"{hint}, or write runtime: docker")
