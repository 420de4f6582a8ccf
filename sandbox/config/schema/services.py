"""Services and their versions."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from sandbox.config.fields import (
    TEXT,
    TEXT_LIST,
    AlsoAs,
    Boolean,
    Command,
    Cpus,
    Duration,
    EnvironmentValue,
    HealthTest,
    HookCommand,
    Label,
    Pids,
    PortNumber,
    PositiveDuration,
    Replicas,
    Restart,
    Retries,
    Size,
    String,
    Text,
    VariableName,
    fault,
)
from sandbox.config.portforms import exposed, long_form, protocol, refuse_other_hosts
from sandbox.config.schema.alerts import ObjectivesSpec
from sandbox.config.schema.containers import ContainerSpec
from sandbox.config.schema.reload import Reload
from sandbox.config.schema.spec import Spec
from sandbox.config.trafficfields import ExternalAddress
from sandbox.model import Port

ExposedPort = Annotated[Port, PlainValidator(exposed), WithJsonSchema({"type": ["string", "integer"]})]


class BuildSpec(Spec):
    compose = "build"

    context: String = Field(description="The folder with the service's code, relative to the first file.")
    dockerfile: String | None = Field(None, description="The Dockerfile, relative to the folder (docker runtime).")
    target: String | None = Field(None, description="The stage of the Dockerfile to build (docker runtime).")
    args: Annotated[dict[VariableName, Text | None], AlsoAs(TEXT_LIST)] = Field(
        default_factory=dict, description="Build arguments; one without a value is taken from the environment."
    )


class EnvFileSpec(Spec):
    compose = "env_file"

    path: String = Field(description="A file with lines of NAME=value, relative to the first file.")
    required: Boolean = Field(True, description="Whether it is an error when the file is missing.")


class HealthcheckSpec(Spec):
    compose = "healthcheck"

    http: String | None = Field(None, description="Healthy when GET on this path of the first port answers 200-399.")
    test: HealthTest | None = Field(
        None, description='Healthy when the command exits 0: ["CMD", "program", …], ["CMD-SHELL", "line"] or a line.'
    )
    interval: PositiveDuration | None = Field(None, description="Time between two checks.")
    timeout: PositiveDuration | None = Field(None, description="A check that takes longer has failed.")
    retries: Retries | None = Field(None, description="Failures in a row that make an instance unhealthy.")
    start_period: Duration | None = Field(None, description="Failures this soon after the start do not count.")
    disable: Boolean = Field(False, description="Healthy as long as it runs.")

    @model_validator(mode="after")
    def _one_probe(self) -> HealthcheckSpec:
        if self.http is not None and self.test is not None:
            raise fault("has both http and test", "keep one of the two")
        if self.http is not None and not re.fullmatch(r"/[!-~]*", self.http):
            raise fault("needs a path that begins with / under http", "write http: /healthz")
        return self


class LimitsSpec(Spec):
    memory: Size | None = Field(None, description="Memory of one instance, such as 256M.")
    cpus: Cpus | None = Field(None, description="Processors of one instance, such as 0.5.")
    pids: Pids | None = Field(None, description="Processes and threads of one instance (docker runtime).")


class ResourcesSpec(Spec):
    compose = "resources"

    limits: LimitsSpec | None = Field(None, description="What one instance may use at most.")


class DeploySpec(Spec):
    compose = "deploy"

    replicas: Replicas | None = Field(None, description="How many instances run.")
    resources: ResourcesSpec | None = Field(None, description="What an instance may use.")


class WatchExecSpec(Spec):
    compose = "watch_exec"

    command: HookCommand = Field(description="What is run in the containers once the files are there.")


class WatchSpec(Spec):
    path: String = Field(description="A file or folder, relative to the first file.")
    action: Literal["restart", "rebuild", "sync", "sync+restart", "sync+exec"] = Field(
        description="What a change leads to."
    )
    target: String | None = Field(None, description="Where changed files go inside the container (sync).")
    ignore: Annotated[list[String], AlsoAs(TEXT)] = Field(
        default_factory=list, description="Patterns of files whose changes do not matter."
    )
    include: Annotated[list[String], AlsoAs(TEXT)] = Field(
        default_factory=list, description="Patterns of the only files whose changes matter. Default: all."
    )
    initial_sync: Boolean = Field(False, description="Whether all files are brought in when watching begins (sync).")
    exec: WatchExecSpec | None = Field(None, description="What is run after the files are brought in (sync+exec).")

    @model_validator(mode="after")
    def _knows_where_to(self) -> WatchSpec:
        if self.action.startswith("sync") and self.target is None:
            raise fault(f"needs a target for the action {self.action}", "add target: /app, or use action: restart")
        return self

    @model_validator(mode="after")
    def _knows_what_to_run(self) -> WatchSpec:
        if self.action == "sync+exec" and self.exec is None:
            raise fault("needs exec for the action sync+exec", 'add exec: {command: "nginx -s reload"}')
        if self.action != "sync+exec" and self.exec is not None:
            raise fault(f"has exec, and its action is {self.action}", "use action: sync+exec, or take exec out")
        return self


class DevelopSpec(Spec):
    watch: list[WatchSpec] = Field(default_factory=list, description="What to do when files change.")


class VersionSpec(ContainerSpec):
    """What can differ between versions of a service."""

    compose = "service"

    build: Annotated[BuildSpec | None, AlsoAs(TEXT)] = Field(
        None, description="The folder with the code. Wins over image."
    )
    image: String | None = Field(None, description="A container image instead of code (docker runtime).")
    command: Command | None = Field(None, description="How to start it; found out from the folder when absent.")
    environment: Annotated[dict[VariableName, EnvironmentValue], AlsoAs(TEXT_LIST)] = Field(
        default_factory=dict,
        description="Variables; one without a value is taken from the environment. ${services.NAME.url|host|port} "
        "is where a service is found.",
    )
    env_file: Annotated[list[Annotated[EnvFileSpec, AlsoAs(TEXT)]], AlsoAs(TEXT)] = Field(
        default_factory=list, description="Files with variables; environment and later files win."
    )
    healthcheck: HealthcheckSpec | None = Field(
        None, description="When an instance takes traffic. Default: when its first port accepts connections."
    )
    deploy: DeploySpec | None = Field(None, description="How many instances, and what they may use.")
    develop: DevelopSpec | None = Field(None, description="What happens while you work on the code.")
    reload: Reload = Field(None, description="How a save reloads it. Default: the project's; false: not at all.")
    restart: Restart | None = Field(
        None, description="When an instance that ended is started again: no, on-failure, always, unless-stopped."
    )
    stop_grace_period: Duration | None = Field(
        None, description="Time between asking an instance to stop and ending it."
    )


class PortSpec(Spec):
    compose = "port"

    target: PortNumber = Field(description="What other services call it on.")
    published: PortNumber | None = Field(None, description="Also open on 127.0.0.1 at this port.")
    app_protocol: Literal["http", "grpc", "tcp"] | None = Field(None, description="What is spoken on it.")
    protocol: Literal["tcp"] | None = Field(None, description="tcp without app_protocol: anything over TCP.")
    host_ip: String | None = Field(None, description="Only 127.0.0.1, where everything is published.")

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, data: object) -> object:
        found = long_form(data)
        if isinstance(found, dict) and found.get("app_protocol") is not None:
            protocol(found["app_protocol"])
        return found

    @model_validator(mode="after")
    def _on_loopback(self) -> PortSpec:
        if self.host_ip is not None:
            refuse_other_hosts(self.host_ip)
        return self


class DependencySpec(Spec):
    compose = "dependency"

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"] = Field(
        "service_started", description="What to wait for before starting."
    )


class ServiceSpec(VersionSpec):
    ports: list[Annotated[PortSpec, AlsoAs({"type": ["string", "integer"]})]] = Field(
        default_factory=list,
        description='What it listens on: "8000" (HTTP), "50051/grpc", "5432/tcp"; "18000:8000" also opens it on '
        "127.0.0.1:18000. The first one is PORT.",
    )
    expose: list[ExposedPort] = Field(
        default_factory=list, description="More of what it listens on: the same as ports, and never published."
    )
    runtime: Literal["process", "docker"] | None = Field(
        None, description="How this service runs, whatever the others do. Default: the project's."
    )
    public: Boolean = Field(False, description="Reachable through the gateway as http://NAME.localhost:<gateway>/.")
    depends_on: Annotated[dict[Text, DependencySpec], AlsoAs(TEXT_LIST)] = Field(
        default_factory=dict, description="The services it calls; each is found in <NAME>_URL, _HOST and _PORT."
    )
    objectives: ObjectivesSpec | None = Field(
        None, description="What it is meant to reach; an alert tells when it will not."
    )
    external: ExternalAddress | None = Field(
        None,
        description="A host outside that is called like a service: https://api.example.com. Nothing is run for it.",
    )
    versions: dict[Label, VersionSpec] = Field(
        default_factory=dict, description="Variants that run side by side; each inherits the service's keys."
    )
