"""The resolved project as a plain map that is a sandbox.yaml again: loading it gives the same project.

Everything is explicit: defaults, profiles, inherited keys and variables are filled in, paths are absolute. Values of
environment are shown as they are, secrets included; who prints this shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from sandbox.config.alerts import render_alerts, render_objectives
from sandbox.config.durations import format_duration
from sandbox.config.sizes import format_size
from sandbox.config.telemetry import render_telemetry
from sandbox.config.traffic.document import document
from sandbox.config.yamltext import Dumper
from sandbox.model import (
    DEFAULT_VERSION,
    Build,
    CommandProbe,
    Healthcheck,
    HttpProbe,
    MeshSettings,
    Mount,
    MountKind,
    NoProbe,
    Port,
    Project,
    ReloadSettings,
    Service,
    Settings,
    Template,
    Version,
    Volume,
    WatchRule,
)

Plain = dict[str, Any]


def to_yaml(project: Project) -> str:
    """The text of a sandbox.yaml that loads as the same project."""
    return str(yaml.dump(to_dict(project), Dumper=Dumper, sort_keys=False, allow_unicode=True))


def to_dict(project: Project) -> Plain:
    rendered: Plain = {
        "name": project.name,
        **_settings(project.settings),
        "services": {name: _service(service) for name, service in project.services.items()},
    }
    if project.mesh != MeshSettings():
        rendered["mesh"] = _mesh(project.mesh)
    if project.volumes:
        rendered["volumes"] = {key: _volume(volume) for key, volume in project.volumes.items()}
    if project.traffic:
        rendered["traffic"] = {callee: escaped_document(document(policy)) for callee, policy in project.traffic.items()}
    if alerts := render_alerts(project.alerts):
        rendered["alerts"] = alerts
    return rendered


def _settings(settings: Settings) -> Plain:
    return {
        "runtime": settings.runtime,
        "docker": _filled(
            proxy=settings.docker.proxy,
            address_pools=list(settings.docker.address_pools),
            images=_escaped_values(settings.docker.images),
        ),
        "gateway": {"port": settings.gateway_port},
        "ui": {"port": settings.ui_port},
        "telemetry": {
            "otlp": {"port": settings.otlp_port},
            "interval": format_duration(settings.stats_interval),
            **render_telemetry(settings.telemetry, _escaped_values),
        },
        "logs": {"max_size": format_size(settings.log_max_bytes)},
        "reload": _reload(settings.reload),
    }


def _reload(reload: ReloadSettings) -> Plain:
    return {"watch": reload.watch, "warm": reload.warm, "drain": format_duration(reload.drain)}


def _mesh(mesh: MeshSettings) -> Plain:
    return {
        "authorization": "declared" if mesh.declared_only else "allow",
        "egress": "allow" if mesh.egress else "deny",
    }


def _service(service: Service) -> Plain:
    if service.external is not None:
        return _filled(external=service.external.url, objectives=render_objectives(service.objectives))
    common = _filled(
        runtime=service.runtime,
        ports=[_port(port) for port in service.ports],
        public=service.public,
        depends_on={dependency.service: {"condition": str(dependency.condition)} for dependency in service.depends_on},
        objectives=render_objectives(service.objectives),
    )
    if [version.name for version in service.versions] == [DEFAULT_VERSION]:
        return {**_version(service.versions[0]), **common}
    return {**common, "versions": {version.name: _version(version) for version in service.versions}}


def _version(version: Version) -> Plain:
    return _filled(
        build=_build(version.build) if version.build else None,
        image=_escaped(version.image),
        command=[_escape(word) for word in version.command] if version.command else None,
        environment={name: _template(value) for name, value in version.environment.items()},
        healthcheck=_healthcheck(version.healthcheck),
        deploy=_deploy(version),
        develop={"watch": [_watch(rule) for rule in version.watch]} if version.watch else None,
        reload=_reload(version.reload),
        restart=str(version.restart),
        stop_grace_period=format_duration(version.stop_grace_period),
        **_container(version),
    )


def _container(version: Version) -> Plain:
    entrypoint = version.entrypoint
    return {
        "entrypoint": "" if entrypoint == () else entrypoint and [_escape(word) for word in entrypoint],
        "user": version.user,
        "working_dir": _escaped(version.working_dir),
        "stop_signal": version.stop_signal,
        "volumes": [_mount(mount) for mount in version.mounts],
        "labels": _escaped_values(version.labels),
        "pull_policy": version.pull_policy,
        "read_only": version.read_only,
        "cap_add": list(version.cap_add),
        "hardened": version.hardened,
    }


def _mount(mount: Mount) -> Plain:
    options: Plain = {}
    match mount.kind:
        case MountKind.BIND:
            options = _filled(create_host_path=mount.create, selinux=mount.selinux)
        case MountKind.VOLUME:
            options = {"nocopy": mount.nocopy}
        case MountKind.TMPFS:
            mode = None if mount.mode is None else f"{mount.mode:04o}"
            options = _filled(size=None if mount.size is None else format_size(mount.size), mode=mode)
    return _filled(
        type=str(mount.kind),
        source=_escaped(mount.source),
        target=_escape(mount.target),
        read_only=mount.read_only,
        **{str(mount.kind): options},
    )


def _volume(volume: Volume) -> Plain:
    return _filled(name=volume.name, external=volume.external)


def _build(build: Build) -> Plain:
    return _filled(
        context=_escape(str(build.context)),
        dockerfile=_escaped(build.dockerfile),
        target=_escaped(build.target),
        args=_escaped_values(build.args),
    )


def _port(port: Port) -> Plain:
    return _filled(target=port.number, published=port.published, app_protocol=str(port.protocol))


def _healthcheck(check: Healthcheck) -> Plain:
    times: Plain = {
        "interval": format_duration(check.interval),
        "timeout": format_duration(check.timeout),
        "retries": check.retries,
        "start_period": format_duration(check.start_period),
    }
    match check.probe:
        case HttpProbe(path=path):
            return {"http": _escape(path), **times}
        case CommandProbe(argv=argv):
            return {"test": ["CMD", *(_escape(word) for word in argv)], **times}
        case NoProbe():
            return {"disable": True, **times}
    return times  # the first port's accepting connections is the default


def _deploy(version: Version) -> Plain:
    limits = _filled(
        memory=None if version.limits.memory is None else format_size(version.limits.memory),
        cpus=version.limits.cpus,
        pids=version.limits.pids,
    )
    return _filled(replicas=version.replicas, resources={"limits": limits} if limits else None)


def _watch(rule: WatchRule) -> Plain:
    return _filled(
        path=_escape(str(rule.path)),
        action=rule.action,
        target=_escaped(rule.target),
        ignore=[_escape(pattern) for pattern in rule.ignore],
        include=[_escape(pattern) for pattern in rule.include],
        initial_sync=rule.initial_sync or None,
        exec=None if rule.command is None else {"command": [_escape(word) for word in rule.command]},
    )


# --- values -------------------------------------------------------------------------------------------------------


def _template(value: Template) -> str:
    return "".join(
        _escape(part) if isinstance(part, str) else f"${{services.{part.service}.{part.attribute}}}"
        for part in value.parts
    )


def escaped_document(node: Any) -> Any:
    """A document as it is written into a file, where $ begins a variable."""
    if isinstance(node, str):
        return _escape(node)
    if isinstance(node, list):
        return [escaped_document(item) for item in node]
    if isinstance(node, dict):
        return {key: escaped_document(value) for key, value in node.items()}
    return node


def _escape(text: str) -> str:
    return text.replace("$", "$$")


def _escaped(text: str | None) -> str | None:
    return None if text is None else _escape(text)


def _escaped_values(values: Mapping[str, str]) -> dict[str, str]:
    return {name: _escape(value) for name, value in values.items()}


def _filled(**values: Any) -> Plain:
    """Without what is absent: None, and empty lists and maps."""
    return {name: value for name, value in values.items() if value is not None and value != [] and value != {}}
