"""A real engine for the tests that need one, and the promise that nothing of theirs stays in it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import docker
import pytest
from docker.errors import APIError

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.builds.names import PROJECT as IMAGE_PROJECT
from sandbox.runtime.docker.endpoint import Endpoint, find, ping
from sandbox.runtime.docker.images import DEFAULTS
from sandbox.runtime.docker.labels import PROJECT

SCRIPT = Path(__file__).parent.parent / ".ci" / "engine"


@dataclass(frozen=True, slots=True)
class RealEngine:
    """An engine that answers. `images` are what is here of the images that services are built on, by purpose."""

    endpoint: Endpoint
    api: Any  # docker.APIClient
    images: Mapping[str, str]

    @property
    def variables(self) -> dict[str, str]:
        """What a process that is to use this engine gets in its environment."""
        images = {f"SANDBOX_IMAGE_{purpose.upper()}": image for purpose, image in self.images.items()}
        return {"DOCKER_HOST": self.endpoint.url, **images}

    def image(self, purpose: str) -> str:
        """An image that is here, pulled where it must be. Skips, or fails, the test when it can't be had."""
        if purpose in self.images:
            return self.images[purpose]
        if (refusal := self._fetch(DEFAULTS[purpose])) is not None:
            without(f"no image for {purpose}: {refusal}; .ci/engine makes one")
        return DEFAULTS[purpose]

    def leftovers(self, project: str) -> list[str]:
        """Everything of a project, by its id: "container shop-1a2b3c-web-v1-1", "network …", "volume …", "image …"."""
        found = (*self._made(f"={project}"), *self._built(f"={project}"))
        return sorted(str(one) for one in found)

    def all_leftovers(self) -> frozenset[Leftover]:
        """What any project made. Images are a cache, and may stay."""
        return frozenset(self._made())

    def _made(self, having: str = "") -> Iterator[Leftover]:
        chosen = {"label": f"{PROJECT}{having}"}
        for one in self.api.containers(all=True, filters=chosen):
            yield Leftover("container", one["Names"][0].lstrip("/"), one["Id"], one["Labels"][PROJECT])
        for one in self.api.networks(filters=chosen):
            yield Leftover("network", one["Name"], one["Id"], one["Labels"][PROJECT])
        for one in self.api.volumes(filters=chosen)["Volumes"] or ():
            yield Leftover("volume", one["Name"], one["Name"], one["Labels"][PROJECT])

    def _built(self, having: str) -> Iterator[Leftover]:
        for one in self.api.images(filters={"label": f"{IMAGE_PROJECT}{having}"}):
            yield Leftover("image", (one["RepoTags"] or [one["Id"]])[0], one["Id"], one["Labels"][IMAGE_PROJECT])

    def _fetch(self, image: str) -> str | None:
        """Why it can't be had."""
        try:
            if not self.api.images(image):
                self.api.pull(image)
        except APIError as error:
            return str(error.explanation)
        return None


@dataclass(frozen=True, slots=True)
class Leftover:
    kind: str
    name: str
    id: str
    project: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[RealEngine]:
    """A test that uses it is skipped where no engine answers; with SANDBOX_TEST_DOCKER=required it fails."""
    endpoint = find(os.environ)
    if (silence := why_silent(endpoint)) is not None:
        without(f"{silence}; .ci/engine starts one")
    beside_others = hasattr(request.config, "workerinput")  # whose containers are none of ours, see `shared_engine`
    with connected(endpoint) as found, nullcontext() if beside_others else nothing_stays(found, request.config):
        yield found


@contextmanager
def shared_engine(config: pytest.Config) -> Iterator[None]:
    """Around the work of all pytest-xdist's workers."""
    endpoint = find(os.environ)
    if not config.getoption("numprocesses", None) or why_silent(endpoint) is not None:
        yield
        return
    with connected(endpoint) as found, nothing_stays(found, config):
        yield


@contextmanager
def connected(endpoint: Endpoint) -> Iterator[RealEngine]:
    with closing(docker.APIClient(endpoint.url, version="auto")) as api:
        yield RealEngine(endpoint, api, local_images(api))


@contextmanager
def nothing_stays(engine: RealEngine, config: pytest.Config) -> Iterator[None]:
    before = engine.all_leftovers()
    yield
    settle(config, sorted(map(str, engine.all_leftovers() - before)))


def why_silent(endpoint: Endpoint) -> str | None:
    """None when an engine answers."""
    try:
        with ThreadPoolExecutor(1) as apart:  # from the tests' own loop, which may be running
            apart.submit(asyncio.run, ping(endpoint)).result()
    except RuntimeFailure as failure:
        return failure.message
    return None


def settle(config: pytest.Config, left: list[str]) -> None:
    """Where an engine is required it is there for the tests alone; elsewhere others may have used it meanwhile."""
    if left and is_required():
        pytest.fail(f"left in the engine by a test: {', '.join(left)}", pytrace=False)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if left and reporter is not None:
        reporter.write_line(f"\nnote: new in the engine since the tests began: {', '.join(left)}")


def is_required() -> bool:
    return os.environ.get("SANDBOX_TEST_DOCKER") == "required"


def without(reason: str) -> NoReturn:
    if is_required():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def local_images(api: Any) -> dict[str, str]:
    """What .ci/engine made and what the environment names, by purpose."""
    here = {tag for image in api.images() for tag in image["RepoTags"] or ()}
    made = {purpose: image for purpose, image in made_by_the_script().items() if image in here}
    named = {purpose: os.environ.get(f"SANDBOX_IMAGE_{purpose.upper()}") for purpose in DEFAULTS}
    return made | {purpose: image for purpose, image in named.items() if image}


def made_by_the_script() -> dict[str, str]:
    if not SCRIPT.exists():
        return {}
    said = subprocess.run([SCRIPT, "--variables"], capture_output=True, text=True, check=True).stdout
    return dict(_purposes(said.splitlines()))


def _purposes(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if found := re.fullmatch(r"export SANDBOX_IMAGE_([A-Z]+)=(\S+)", line):
            yield found[1].lower(), found[2]
