"""Calls to the engine: bounded in number and time, off the event loop, and failing in plain words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.endpoint import Endpoint, find, ping

T = TypeVar("T")

_AT_ONCE = 8
"""Calls at a time. More make an engine slower: it takes a lock for most of what they do."""

_LONG_AT_ONCE = 3
"""Builds and pulls at a time."""

_TIMEOUT = 60
"""Seconds an engine may be silent during a call. Creating a container on a busy disk has taken 20."""


class Engine:
    """One engine. `version` is the API's that both sides know; `room` is for builds and pulls."""

    def __init__(self, endpoint: Endpoint, api: docker.APIClient) -> None:
        self.endpoint = endpoint
        self.version = str(api.api_version)
        self.room = asyncio.Semaphore(_LONG_AT_ONCE)
        self._api = api
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="docker")
        self._under_way: set[Future[Any]] = set()

    @classmethod
    async def connect(cls, environ: Mapping[str, str]) -> Engine:
        """RuntimeFailure when no engine on this machine answers."""
        endpoint = find(environ)
        await ping(endpoint)
        try:
            api = await asyncio.to_thread(_client, endpoint.url)
        except (DockerException, requests.RequestException) as error:
            raise explained(error, "docker") from error
        return cls(endpoint, api)

    async def close(self) -> None:
        """Calls under way end by themselves; their answers are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(Exception):
            self._api.close()

    async def quiet(self) -> None:
        """Until the calls under way have had their effect, those of cancelled tasks among them."""
        await asyncio.to_thread(wait, tuple(self._under_way))

    async def call(self, ask: Callable[[docker.APIClient], T], *, place: str = "docker") -> T:
        """What `ask` returns. It runs in a thread and must only talk to the engine. RuntimeFailure, and NotThere and
        Conflict, which are ones."""
        answer = self._threads.submit(ask, self._api)
        self._under_way.add(answer)
        answer.add_done_callback(self._under_way.discard)
        try:
            return await asyncio.wrap_future(answer)
        except (DockerException, requests.RequestException) as error:
            raise explained(error, place) from error


class NotThere(RuntimeFailure):
    """The engine knows no such container, image, network or volume."""


class Conflict(RuntimeFailure):
    """The name is taken, or the thing is in use."""


class EngineGone(RuntimeFailure):
    """The engine stopped answering."""


def explained(error: Exception, place: str) -> RuntimeFailure:
    """An error of the library in plain words, with a next step."""
    if isinstance(error, APIError):
        return refusal(error.status_code or 0, str(error.explanation or error), place)
    if isinstance(error, requests.Timeout):
        return EngineGone("the engine took too long to answer", place=place, hint="see: docker info")
    if isinstance(error, requests.ConnectionError):
        return EngineGone("the engine went away", place=place, hint="start it, such as: sudo systemctl start docker")
    return RuntimeFailure(str(error), place=place, hint=hint_for(str(error)))


def refusal(status: int, said: str, place: str) -> RuntimeFailure:
    """What an HTTP status and the engine's words mean."""
    kind = {404: NotThere, 409: Conflict}.get(status, RuntimeFailure)
    return kind(said.strip(), place=place, hint=hint_for(said))


_HINTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("no space left",), "free some disk space, such as: docker system prune"),
    (("pull access denied", "repository does not exist", "manifest unknown"), "check the image's name and tag"),
    (("unauthorized", "authentication required"), "log in: docker login"),
    (("dial tcp", "no such host", "i/o timeout", "tls handshake", "connection refused", "connection reset"),
     "check the network, or load the image by hand: docker load"),
    (("no such image",), "build or pull it"),
    (("no command specified",), "give it a command: the image has none"),
    (("port is already allocated", "address already in use"), "choose another port, or stop what uses it"),
    (("executable file not found", "no such file or directory"), "check the command, and that the image has it"),
    (("permission denied",), "make it executable: chmod +x"),
    (("mount", "not a directory"), "check the path under volumes"),
)  # fmt: skip


def hint_for(said: str) -> str:
    """The next step after something the engine said; empty when nothing is known."""
    lowered = said.lower()
    return next((hint for words, hint in _HINTS if any(word in lowered for word in words)), "")


def _client(url: str) -> docker.APIClient:
    kept: dict[str, Any] = {"base_url": url, "version": "auto", "max_pool_size": _AT_ONCE}
    return docker.APIClient(**kept, timeout=_TIMEOUT)
