"""What images of ours are called, and the labels by which they are found again.

Containers inherit the labels of their image. These are therefore others than those of our containers: one that a person
starts from such an image by hand must not be taken for an instance.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

LABELS = "dev.sandbox.image."
FILES = "build.files"
"""The name of the image that holds what a build needs and its result must not have."""

PROJECT = f"{LABELS}project"
KIND = f"{LABELS}kind"  # service | dependencies | stage | files
SERVICE = f"{LABELS}service"
VERSION = f"{LABELS}version"
STAGE = f"{LABELS}stage"  # of a stage that is no image of its own
BUILD = f"{LABELS}build"  # of the one build after which it goes
DEPENDENCIES = f"{LABELS}dependencies"  # the image it was built from

_FORMAT = "1"  # changes when images must be built anew


def key_of(parts: Iterable[object]) -> str:
    digest = hashlib.sha256(_FORMAT.encode())
    for part in parts:
        told = repr(part).encode("utf-8", "surrogateescape")
        digest.update(len(told).to_bytes(8, "big") + told)
    return digest.hexdigest()[:16]


def service_tag(project: str, service: str, version: str, key: str) -> str:
    return f"sandbox/{project}/{_part(service)}:{_part(version)[:100]}-{key}"


def dependencies_tag(project: str, key: str) -> str:
    return f"sandbox/{project}/dependencies.{key}:latest"


def files_tag(project: str, key: str) -> str:
    return f"sandbox/{project}/{FILES}:{key}"


def filters(project: str, **more: str) -> dict[str, Any]:
    return {"label": [f"{PROJECT}={project}", *(f"{name}={value}" for name, value in more.items())]}


def _part(name: str) -> str:
    """A component of an image's name: github.com/distribution/reference, `path-component`."""
    lowered = re.sub(r"[^a-z0-9]+", lambda found: found[0] if found[0] in "._-" else "-", name.lower())
    return lowered.strip("._-") or "x"
