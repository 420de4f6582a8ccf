"""Removing what a dead supervisor left in the engine, and what outlives `down`. Finds all of it by label."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.endpoint import find, ping

_LAYERS = 3
"""A service's image, the image of its dependencies, and what a build left of its stages."""

_STRAGGLERS = 0.5
"""Seconds after which a request of a supervisor that was killed has had its effect."""

_AT_ONCE = 8


def sweep_containers(paths: ProjectPaths, environ: Mapping[str, str]) -> int:
    """End and remove every container and network of the project; how many containers there were.

    RuntimeFailure when no engine answers: what is left there is left.
    """
    with _engine(environ) as api:
        count = _remove_all(api, paths.id)
        time.sleep(_STRAGGLERS)
        count += _remove_all(api, paths.id)
    shutil.rmtree(paths.docker, ignore_errors=True)
    return count


def forget(project: str, environ: Mapping[str, str]) -> None:
    """Remove the project's volumes and images. Does nothing where no engine answers."""
    from sandbox.runtime.docker.builds import names

    with suppress(RuntimeFailure), _engine(environ) as api:
        wanted = labels.filters(project)
        for volume in api.volumes(filters=wanted).get("Volumes") or ():
            _quietly(api.remove_volume, volume["Name"])
        for _ in range(_LAYERS):  # what is built on another goes first
            for image in api.images(all=True, filters=names.filters(project)):
                for name in image["RepoTags"] or [image["Id"]]:
                    _quietly(api.remove_image, name)


def _remove_all(api: Any, project: str) -> int:
    """Containers, which hold the networks, first."""
    from sandbox.runtime.docker.netcalls import remove_network

    wanted = labels.filters(project)
    containers = api.containers(all=True, filters=wanted)
    with ThreadPoolExecutor(_AT_ONCE) as hands:
        list(hands.map(lambda one: _quietly(api.remove_container, one["Id"], v=True, force=True), containers))
        list(hands.map(lambda one: _quietly(remove_network, api, one["Id"]), api.networks(filters=wanted)))
    return len(containers)


@contextmanager
def _engine(environ: Mapping[str, str]) -> Iterator[Any]:
    endpoint = find(environ)
    try:
        asyncio.run(ping(endpoint))
    except RuntimeFailure as error:
        raise RuntimeFailure(
            f"containers may be left: {error.message}", place="docker", hint=f"{error.hint}; then: sandbox down"
        ) from None
    import docker
    import requests
    from docker.errors import DockerException

    from sandbox.runtime.docker.engine import explained

    try:
        with closing(docker.APIClient(base_url=endpoint.url, version="auto", timeout=60)) as api:
            yield api
    except (DockerException, requests.RequestException) as error:
        raise explained(error, "docker") from error


def _quietly(remove: Any, *args: Any, **options: Any) -> None:
    """Somebody else may be quicker, and what is in use by something else is not ours alone."""
    from docker.errors import APIError

    with suppress(APIError):
        remove(*args, **options)
