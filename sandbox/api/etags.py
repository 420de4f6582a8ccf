"""Revisions as HTTP has them (RFC 9110 §8.8.3, §13.1.1): an `ETag` on what has one, `If-Match` on what must meet it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from sandbox.control import Change, TrafficState
from sandbox.errors import UsageError


def tagged(response: web.Response, answer: object) -> web.Response:
    if isinstance(answer, TrafficState):
        response.headers["ETag"] = f'"{answer.revision}"'
    return response


def if_match(headers: Mapping[str, str], body: Any) -> Any:
    """The body, to be refused when another revision is in force. UsageError for a tag that is none of ours."""
    tag = headers.get("If-Match")
    if tag is None or tag.strip() == "*" or not isinstance(body, Change):
        return body
    found = re.fullmatch(r'\s*"?([0-9]{1,18})"?\s*', tag)
    if found is None:
        raise UsageError("is no tag of a revision", place=f"If-Match: {tag}", hint="send the ETag of /api/traffic")
    return replace(body, if_revision=int(found[1]))
