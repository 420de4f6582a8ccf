"""Small projects and states for the supervisor's tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sandbox.control import Status
from sandbox.model import (
    Build,
    Condition,
    Dependency,
    Healthcheck,
    Port,
    Project,
    RestartPolicy,
    Service,
    TcpProbe,
    Template,
    Version,
)
from sandbox.runtime.base import Artifact, Running
from sandbox.supervisor.desired import Desired, VersionKey, Wishes
from sandbox.supervisor.rollout import Target
from sandbox.supervisor.state import ClusterState, Fact, InstanceState, VersionState, reduce


def a_version(name: str = "v1", *, replicas: int = 1, environment: Mapping[str, str] | None = None) -> Version:
    return Version(
        name=name,
        build=Build(context=Path("/app")),
        healthcheck=Healthcheck(probe=TcpProbe()),
        replicas=replicas,
        environment={key: Template((value,)) for key, value in (environment or {}).items()},
        restart=RestartPolicy.ON_FAILURE,
    )


def a_service(
    name: str,
    *versions: Version,
    calls: tuple[str, ...] = (),
    condition: Condition = Condition.STARTED,
    public: bool = False,
    port: Port | None = None,
) -> Service:
    return Service(
        name=name,
        versions=versions or (a_version(),),
        ports=(port or Port(number=8000),),
        public=public,
        depends_on=tuple(Dependency(service=callee, condition=condition) for callee in calls),
    )


def a_project(*services: Service) -> Project:
    return Project(name="shop", root=Path("/app"), files=(), services={service.name: service for service in services})


def desire(*services: Service, wishes: Wishes | None = None) -> Desired:
    return Desired(project=a_project(*services), wishes=wishes or Wishes())


ARTIFACT = Artifact(fingerprint="f", argv=("run",), cwd=Path("/app"))


def targets(desired: Desired, *, workload: str = "w", fingerprint: str | None = "f") -> dict[VersionKey, Target]:
    return {
        VersionKey(service.name, version.name): Target(workload, fingerprint)
        for service in desired.project.services.values()
        for version in service.versions
    }


def prepared(*keys: tuple[str, str], workload: str = "w") -> ClusterState:
    version = VersionState(status=Status.HEALTHY, workload=workload, artifact=ARTIFACT)
    return ClusterState(versions={VersionKey(*key): version for key in keys})


def with_instances(state: ClusterState, *instances: InstanceState) -> ClusterState:
    return ClusterState(
        versions=state.versions, instances={**state.instances, **{instance.id: instance for instance in instances}}
    )


def an_instance(
    name: str, status: Status = Status.HEALTHY, *, generation: int = 0, fingerprint: str = "f", index: int = 1
) -> InstanceState:
    service, version, _ = name.rsplit("-", 2)
    return InstanceState(
        id=name,
        service=service,
        version=version,
        index=index,
        status=status,
        ready=status is Status.HEALTHY,
        fingerprint=fingerprint,
        generation=generation,
        pid=100,
        host="127.0.0.1",
        ports={8000: 20000 + index},
        started_at=1000.0,
    )


def running(name: str, pid: int = 100, at: float = 1000.0) -> Running:
    return Running(id=name, pid=pid, container=None, started_at=at, host="127.0.0.1")


def fold(state: ClusterState, *facts: Fact) -> ClusterState:
    for fact in facts:
        state = reduce(state, fact)
    return state
