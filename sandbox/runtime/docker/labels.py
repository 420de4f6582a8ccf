"""How what is ours is marked in the engine: our own labels, and Compose's, by which other tools group a project.

Compose's names: github.com/docker/compose, pkg/api/labels.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox import __version__
from sandbox.model import Project

PROJECT = "dev.sandbox.project"
SERVICE = "dev.sandbox.service"
VERSION = "dev.sandbox.version"
INSTANCE = "dev.sandbox.instance"
ROLE = "dev.sandbox.role"  # service | standby | proxy; a network: mesh | private
SERVING, STANDBY = "service", "standby"

_COMPOSE = "com.docker.compose"


def of_project(project: str) -> dict[str, str]:
    return {PROJECT: project, f"{_COMPOSE}.project": project}


def of_network(project: str, name: str, role: str) -> dict[str, str]:
    return {**of_project(project), ROLE: role, f"{_COMPOSE}.network": name, f"{_COMPOSE}.version": __version__}


def of_volume(project: str, name: str) -> dict[str, str]:
    return {**of_project(project), f"{_COMPOSE}.volume": name, f"{_COMPOSE}.version": __version__}


def of_container(
    id: str, project: Project | None, *, service: str, version: str, instance: str, index: int, fingerprint: str
) -> dict[str, str]:
    """`id` is the project's, unique on this machine."""
    where = {} if project is None else _places(project)
    return {
        **of_project(id),
        **where,
        ROLE: SERVING,
        SERVICE: service,
        VERSION: version,
        INSTANCE: instance,
        f"{_COMPOSE}.service": service,
        f"{_COMPOSE}.container-number": str(index),
        f"{_COMPOSE}.oneoff": "False",
        f"{_COMPOSE}.config-hash": fingerprint,
        f"{_COMPOSE}.version": __version__,
    }


def _places(project: Project) -> Mapping[str, str]:
    return {
        f"{_COMPOSE}.project.working_dir": str(project.root),
        f"{_COMPOSE}.project.config_files": ",".join(str(file) for file in project.files),
    }


def filters(project: str) -> dict[str, list[str]]:
    """For the engine's lists: everything that carries this project's label."""
    return {"label": [f"{PROJECT}={project}"]}
