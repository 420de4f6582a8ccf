"""Between HTTP's words and ours: queries and bodies in, JSON out. What does not fit is a UsageError."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from aiohttp import web
from multidict import MultiMapping

from sandbox.api.errors import Refused, status_of, to_answer
from sandbox.errors import SandboxError, UsageError

BODY_LIMIT = 512 * 1024
BODY_TIMEOUT = 10.0

T = TypeVar("T")


def decode_query(query: MultiMapping[str], shape: type[T]) -> T:
    """A struct or a dataclass. A field that is a tuple may come several times, any other once."""
    known = get_type_hints(shape, include_extras=True)
    repeatable = {name for name, annotation in known.items() if _is_tuple(annotation)}
    found: dict[str, Any] = {}
    for name in query:
        if name not in known:
            raise UsageError("is not known here", place=name, hint=f"there are {', '.join(known)}")
        values = query.getall(name)
        if name not in repeatable and len(values) > 1:
            raise UsageError("is given more than once", place=name)
        found[name] = values if name in repeatable else values[0]
    try:
        return msgspec.convert(found, shape, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(str(error), place="query") from None


def _is_tuple(annotation: Any) -> bool:
    bare = get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    return get_origin(bare) is tuple


async def decode_body(request: web.Request, shape: type[T]) -> T:
    """An empty body counts as `{}`."""
    body = await _read(request)
    if body and request.content_type != "application/json":
        raise Refused(415, "not_json", f"can't read {request.content_type}", hint="send application/json")
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(str(error), place="body") from None
    except RecursionError:
        raise UsageError("is nested too deeply", place="body") from None


async def _read(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except TimeoutError:
        raise Refused(408, "too_slow", f"the body took longer than {BODY_TIMEOUT:g} s") from None


def json_response(answer: object, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")


def error_response(error: SandboxError) -> web.Response:
    return json_response(to_answer(error), status=status_of(error))
