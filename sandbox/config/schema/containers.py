"""What a service's containers are given beyond what any instance has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sandbox.config.containerfields import (
    Capability,
    Entrypoint,
    FolderInside,
    LabelName,
    LabelValue,
    NoSocket,
    On,
    PullPolicy,
    StopSignal,
    Unprivileged,
    User,
)
from sandbox.config.fields import TEXT, TEXT_LIST, AlsoAs, Boolean, Cpus, Pids, Replicas, Size
from sandbox.config.schema.spec import Spec
from sandbox.config.schema.volumes import MountSpec, Tmpfs


class ContainerSpec(Spec):
    entrypoint: Entrypoint | None = Field(
        None, description="What the command is passed to, instead of the image's own; an empty one is none."
    )
    user: User | None = Field(None, description="Who runs it: a name or number, also with a group, as in 1000:1000.")
    working_dir: FolderInside | None = Field(None, description="The folder in the container in which it starts.")
    stop_signal: StopSignal | None = Field(None, description="What asks it to stop, such as SIGINT.")
    volumes: list[Annotated[MountSpec, AlsoAs(TEXT)]] = Field(
        default_factory=list,
        description='Files, folders and volumes in the container: "./folder:/path", "volume:/path:ro", "/path".',
    )
    tmpfs: Annotated[list[Tmpfs], AlsoAs(TEXT)] = Field(
        default_factory=list, description='Folders in memory: "/path" or "/path:size=64M,mode=1777".'
    )
    labels: Annotated[dict[LabelName, LabelValue], AlsoAs(TEXT_LIST)] = Field(
        default_factory=dict, description="Labels of the container, for other tools."
    )
    pull_policy: PullPolicy | None = Field(None, description="When its image is pulled: always, missing or never.")
    read_only: Boolean = Field(False, description="Whether the container's own files can't be changed.")
    cap_add: list[Capability] = Field(
        default_factory=list, description="Capabilities given back, such as SYS_PTRACE: all are dropped."
    )
    hardened: Boolean = Field(True, description="false: the engine's own defaults of security instead of ours.")
    init: On = Field(True, description="Always on: an init process passes signals on and reaps children.")
    privileged: Unprivileged = Field(False, description="Never.")
    use_api_socket: NoSocket = Field(False, description="Never.")
    mem_limit: Size | None = Field(None, description="The same as memory under deploy.resources.limits.")
    cpus: Cpus | None = Field(None, description="The same as cpus under deploy.resources.limits.")
    pids_limit: Pids | None = Field(None, description="The same as pids under deploy.resources.limits.")
    scale: Replicas | None = Field(None, description="The same as replicas under deploy.")
