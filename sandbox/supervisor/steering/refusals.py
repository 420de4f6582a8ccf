"""What Envoy refuses of policies, in terms of the services and files that they come from. Pure."""

from __future__ import annotations

import re

from sandbox.errors import RefusedPolicyError
from sandbox.model import Project

_PLACE = re.compile(r"traffic\.(.+?)(?:\.rules\[\d+\])?")


def service_of(error: RefusedPolicyError) -> str | None:
    """The service whose policy it is about, before `written`; None when that is not known."""
    found = _PLACE.fullmatch(error.place)
    return found[1] if found else None


def written(error: RefusedPolicyError, project: Project) -> RefusedPolicyError:
    """The same with its place in the project's files: that of the rule, else that of the service's policy."""
    places = project.places
    place = places.get(error.place) or places.get(f"traffic.{service_of(error)}") or error.place
    return RefusedPolicyError(error.message, place=place, hint=error.hint)
