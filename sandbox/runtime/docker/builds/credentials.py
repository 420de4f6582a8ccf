"""What the docker command knows of registries: the headers by which an engine may pull from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from docker import auth
from docker.errors import DockerException


def for_pull(image: str, host: Mapping[str, str]) -> dict[str, str]:
    """It may ask a credential helper, a program, and so take its time."""
    try:
        registry, _ = auth.resolve_repository_name(image)
        known = _load(host).resolve_authconfig(registry)
    except DockerException:
        return {}
    return {"X-Registry-Auth": auth.encode_header(known).decode()} if known else {}


def for_build(host: Mapping[str, str]) -> dict[str, str]:
    try:
        known = _load(host).get_all_credentials()
    except DockerException:
        return {}
    return {"X-Registry-Config": auth.encode_header(known).decode()} if known else {}


def _load(host: Mapping[str, str]) -> auth.AuthConfig:
    folder = Path(host.get("DOCKER_CONFIG") or Path(host.get("HOME") or "/") / ".docker")
    return auth.load_config(config_path=str(folder / "config.json"), credstore_env=dict(host))
