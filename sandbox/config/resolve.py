"""From the validated file to the model: defaults filled in, paths absolute, variables gathered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.config.alerts import alert_settings, objectives
from sandbox.config.containers import container_keys, docker_settings, limits, replicas, volume
from sandbox.config.read import under
from sandbox.config.schema import (
    BuildSpec,
    DevelopSpec,
    HealthcheckSpec,
    PortSpec,
    ProjectSpec,
    ReloadSpec,
    ServiceSpec,
    SettingsSpec,
    VersionSpec,
)
from sandbox.config.telemetry import telemetry_settings
from sandbox.config.traffic.resolve import mesh, policy
from sandbox.model import (
    DEFAULT_VERSION,
    AppProtocol,
    Build,
    CommandProbe,
    Condition,
    Dependency,
    External,
    Healthcheck,
    HttpProbe,
    NoProbe,
    Port,
    Probe,
    Project,
    ReloadSettings,
    RestartPolicy,
    Service,
    Settings,
    TcpProbe,
    Template,
    Version,
    WatchRule,
)

EXTERNAL_PORT = 80
"""What services with `external` listen on, so that http://NAME/ is enough where names are known."""

EnvFiles = Mapping[str, Mapping[str, str | None]]
"""What each env_file holds, by its path as written; None is a name without a value."""


class Resolver:
    """root: where relative paths start. environment: for variables without a value."""

    def __init__(self, root: Path, environment: Mapping[str, str], env_files: EnvFiles) -> None:
        self._root = root
        self._environment = environment
        self._env_files = env_files

    def project(self, spec: ProjectSpec, name: str, files: tuple[Path, ...]) -> Project:
        settings = _settings(spec)
        services = {name: self._service(name, service, settings) for name, service in spec.services.items()}
        return Project(
            name=name,
            root=self._root,
            files=files,
            services=services,
            traffic={callee: policy(found) for callee, found in spec.traffic.items()},
            mesh=mesh(spec.mesh),
            volumes={key: volume(key, found) for key, found in spec.volumes.items()},
            settings=settings,
            alerts=alert_settings(spec.alerts),
        )

    def _service(self, name: str, spec: ServiceSpec, settings: Settings) -> Service:
        if spec.external is not None:
            return _external(name, spec, spec.external)
        ports = _ports(spec)
        specs: Mapping[str, VersionSpec] = spec.versions or {DEFAULT_VERSION: spec}
        versions = tuple(self._version(version, found, ports, settings) for version, found in specs.items())
        return Service(
            name=name,
            versions=versions,
            ports=ports,
            public=spec.public,
            depends_on=_dependencies(spec, versions),
            runtime=spec.runtime,
            objectives=objectives(spec.objectives),
        )

    def _version(self, name: str, spec: VersionSpec, ports: tuple[Port, ...], settings: Settings) -> Version:
        return Version(
            name=name,
            build=self._build(spec.build) if spec.build else None,
            image=None if spec.build else spec.image,
            command=spec.command,
            environment=self._variables(spec),
            healthcheck=_healthcheck(spec.healthcheck or HealthcheckSpec(), ports),
            replicas=replicas(spec),
            limits=limits(spec),
            restart=_restart(spec.restart),
            stop_grace_period=10.0 if spec.stop_grace_period is None else spec.stop_grace_period,
            watch=self._watch(spec.develop or DevelopSpec()),
            reload=_reload(spec.reload, settings.reload),
            **container_keys(spec, self.path),
        )

    def _variables(self, spec: VersionSpec) -> dict[str, Template]:
        """Those of later files win over earlier ones', and those of `environment` over all."""
        given: dict[str, Template | None] = {}
        for file in spec.env_file:
            for name, text in self._env_files[file.path].items():
                given[name] = None if text is None else Template((text,))
        given |= spec.environment
        found = {name: self._from_outside(name) if value is None else value for name, value in given.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _from_outside(self, name: str) -> Template | None:
        return Template((self._environment[name],)) if name in self._environment else None

    def _build(self, spec: BuildSpec) -> Build:
        args = {name: self._environment.get(name) if value is None else value for name, value in spec.args.items()}
        return Build(
            context=self.path(spec.context),
            dockerfile=spec.dockerfile,
            target=spec.target,
            args={name: value for name, value in args.items() if value is not None},
        )

    def _watch(self, spec: DevelopSpec) -> tuple[WatchRule, ...]:
        return tuple(
            WatchRule(
                path=self.path(rule.path),
                action=rule.action,
                target=rule.target,
                ignore=tuple(rule.ignore),
                include=tuple(rule.include),
                command=rule.exec.command if rule.exec else None,
                initial_sync=rule.initial_sync,
            )
            for rule in spec.watch
        )

    def path(self, text: str) -> Path:
        return under(self._root, text).resolve()


def _external(name: str, spec: ServiceSpec, address: External) -> Service:
    """A host outside: nothing runs for it, and it is called on the port of plain HTTP."""
    version = Version(name=DEFAULT_VERSION, build=None, healthcheck=Healthcheck(probe=NoProbe()), replicas=0)
    return Service(
        name=name,
        versions=(version,),
        ports=(Port(number=EXTERNAL_PORT),),
        external=address,
        objectives=objectives(spec.objectives),
    )


def _ports(spec: ServiceSpec) -> tuple[Port, ...]:
    """What `expose` names besides `ports` comes after them."""
    listed = [_port(port) for port in spec.ports]
    numbers = {port.number for port in listed}
    return tuple(dict.fromkeys((*listed, *(port for port in spec.expose if port.number not in numbers))))


def _port(spec: PortSpec) -> Port:
    word = spec.app_protocol or spec.protocol or AppProtocol.HTTP
    return Port(number=spec.target, protocol=AppProtocol(word), published=spec.published)


def _dependencies(spec: ServiceSpec, versions: tuple[Version, ...]) -> tuple[Dependency, ...]:
    """The declared ones, then the ones that only an address in environment names."""
    conditions = {name: Condition(dependency.condition) for name, dependency in spec.depends_on.items()}
    for version in versions:
        for value in version.environment.values():
            for callee in value.callees:
                conditions.setdefault(callee, Condition.STARTED)
    return tuple(Dependency(service=name, condition=condition) for name, condition in conditions.items())


def _healthcheck(spec: HealthcheckSpec, ports: tuple[Port, ...]) -> Healthcheck:
    given: dict[str, Any] = {
        "interval": spec.interval,
        "timeout": spec.timeout,
        "retries": spec.retries,
        "start_period": spec.start_period,
    }
    return Healthcheck(probe=_probe(spec, ports), **{name: value for name, value in given.items() if value is not None})


def _probe(spec: HealthcheckSpec, ports: tuple[Port, ...]) -> Probe:
    if spec.disable or spec.test == ():
        return NoProbe()
    if spec.test:
        return CommandProbe(argv=spec.test)
    if spec.http is not None:
        return HttpProbe(path=spec.http)
    return TcpProbe() if ports else NoProbe()


def _restart(word: str | None) -> RestartPolicy:
    """Compose's `on-failure:3` is taken as `on-failure`: attempts are spaced out, not counted."""
    return RestartPolicy(word.partition(":")[0]) if word else RestartPolicy.ON_FAILURE


def _reload(spec: ReloadSpec | None, otherwise: ReloadSettings) -> ReloadSettings:
    return replace(otherwise, **spec.given()) if spec else otherwise


def _settings(spec: SettingsSpec) -> Settings:
    given: dict[str, Any] = {
        "runtime": spec.runtime,
        "gateway_port": spec.gateway and spec.gateway.port,
        "ui_port": spec.ui and spec.ui.port,
        "otlp_port": spec.telemetry and spec.telemetry.otlp and spec.telemetry.otlp.port,
        "stats_interval": spec.telemetry and spec.telemetry.interval,
        "log_max_bytes": spec.logs and spec.logs.max_size,
        "docker": spec.docker and docker_settings(spec.docker),
        "reload": _reload(spec.reload, ReloadSettings()),
        "telemetry": spec.telemetry and telemetry_settings(spec.telemetry),
    }
    return Settings(**{name: value for name, value in given.items() if value is not None})
