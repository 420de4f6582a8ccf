"""Revisions as HTTP has them (RFC 9110 §8.8.3, §13.1.1): an `ETag` on what has one, `If-Match` on what must meet it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from aiohttp import web

from sandbox.api.shapes import RollbackRequest, TrialRequest
from sandbox.control import Change, RampRequest, TrafficState
from sandbox.errors import UsageError

DEPENDING = (Change, TrialRequest, RollbackRequest, RampRequest)
"""Bodies that `If-Match` makes depend on a revision."""


def tagged(response: web.Response, answer: object) -> web.Response:
    if isinstance(answer, TrafficState):
        response.headers["ETag"] = f'"{answer.revision}"'
    return response


def if_match(headers: Mapping[str, str], body: Any) -> Any:
    """The body, to be refused when another revision is in force. UsageError for a tag that is none of ours, and where
    nothing can be made to depend on one."""
    tag = headers.get("If-Match")
    if tag is None or tag.strip() == "*":
        return body
    found = re.fullmatch(r'\s*"?([0-9]{1,18})"?\s*', tag)
    if found is None:
        raise UsageError("is no tag of a revision", place=f"If-Match: {tag}", hint="send the ETag of /api/traffic")
    return _depending(body, int(found[1]))


def _depending(body: Any, revision: int) -> Any:
    if isinstance(body, TrialRequest):
        return msgspec.structs.replace(body, change=replace(body.change, if_revision=revision))
    if isinstance(body, RollbackRequest):
        return msgspec.structs.replace(body, if_revision=revision)
    if isinstance(body, Change | RampRequest):
        return replace(body, if_revision=revision)
    hint = "leave it out; changes, rollbacks, trials and ramps take it"
    raise UsageError("does not depend on a revision of traffic", place="If-Match", hint=hint)
