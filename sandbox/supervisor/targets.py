"""What every version should be by what is wanted and what was prepared: the planner's targets. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from sandbox.model import MountKind, Project, ReloadSettings, RestartPolicy, Version
from sandbox.runtime.base import Workload
from sandbox.supervisor.desired import Desired, VersionKey
from sandbox.supervisor.rollout import Target
from sandbox.supervisor.state import ClusterState
from sandbox.supervisor.surroundings import Surroundings, environment


def targets(desired: Desired, state: ClusterState, around: Surroundings) -> dict[VersionKey, Target]:
    return {
        VersionKey(service.name, version.name): _target(desired, state, around, service.name, version)
        for service in desired.project.services.values()
        for version in service.versions
    }


def workload_of(project: Project, service: str, version: Version, around: Surroundings) -> Workload:
    """What is to be prepared."""
    auto = project.settings.telemetry.auto
    return Workload(
        service=service,
        version=version,
        ports=project.services[service].ports,
        runtime=around.places[service].runtime,
        warm=version.reload.warm and not auto,
        auto=auto,
    )


def given(project: Project, service: str, version: Version, around: Surroundings) -> dict[str, str]:
    """The variables of all its instances."""
    return environment(project, project.services[service], version, around.places[service], around.user_environment)


def _target(desired: Desired, state: ClusterState, around: Surroundings, service: str, version: Version) -> Target:
    key = VersionKey(service, version.name)
    workload = _digest(_prepared_from(workload_of(desired.project, service, version, around)))
    known = state.versions.get(key)
    if known is None or known.last is None:
        return Target(workload, None, _may_overlap(version))
    variables = sorted(given(desired.project, service, version, around).items())
    last = _digest((known.last.fingerprint, variables))
    is_new = known.artifact is not None and known.workload == workload
    if not is_new or known.generation < desired.generation(key):
        return Target(workload, None, _may_overlap(version), last)  # until it is prepared anew, the old one serves
    return Target(workload, last, _may_overlap(version), last)


def _prepared_from(workload: Workload) -> Workload:
    """How a version is watched, and how its instances end, is no part of what it is prepared from."""
    return replace(workload, version=replace(workload.version, watch=(), reload=ReloadSettings()))


def _may_overlap(version: Version) -> bool:
    """Whether two generations may run side by side: not when both would write to one place, or finish one job twice."""
    shared = any(mount.kind is not MountKind.TMPFS and mount.source and not mount.read_only for mount in version.mounts)
    return not shared and version.restart is not RestartPolicy.NO


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
