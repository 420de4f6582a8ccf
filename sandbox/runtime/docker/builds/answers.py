"""The engine's answers to builds and pulls: a JSON object a line, as long as the work goes on.

They are read on the event loop, because there a cancelled one ends: the connection closes, and the engine gives up.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.engine import Engine, EngineGone, hint_for, refusal

if TYPE_CHECKING:
    import aiohttp

_SILENCE = 600
"""Seconds an engine may say nothing: a compiler or a slow registry is silent for minutes."""

_SEE = "see: docker info"
_LONGEST_LINE = 4 * 1024 * 1024


async def answers(
    engine: Engine,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    place: str,
    body: IO[bytes] | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """Raises RuntimeFailure, NotThere and EngineGone as `Engine.call` does; what an answer itself says of errors is the
    reader's."""
    import aiohttp  # slow to import; where everything is built already, no service has to wait for it

    timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=_SILENCE)
    connector = aiohttp.UnixConnector(str(engine.endpoint.socket))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.post(
                f"http://docker/v{engine.version}{path}", params=dict(query), headers=dict(headers), data=body
            ) as response,
        ):
            if response.status != 200:
                raise refusal(response.status, _message(await response.text()), place)
            async for line in _lines(response):
                yield _object(line)
    except TimeoutError:
        raise EngineGone("the engine took too long to answer", place=place, hint=_SEE) from None
    except (aiohttp.ClientError, OSError) as error:
        hint = hint_for(str(error)) or "start it, such as: sudo systemctl start docker"
        raise EngineGone("the engine went away", place=place, hint=hint) from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > _LONGEST_LINE:
            raise RuntimeFailure("the engine's answer has a line without an end", hint=_SEE)
    if rest.strip():
        yield rest


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    except ValueError:
        pass
    raise RuntimeFailure(f"the engine's answer can't be understood: {line[:100]!r}", hint=_SEE)


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()
