"""For all tests."""

from __future__ import annotations

import os
import signal

import pytest

from tests.docker_engine import engine

__all__ = ["engine"]


def pytest_configure() -> None:
    """Started in the background by a script, we would inherit that Ctrl-C is ignored, and so would what tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["SANDBOX_RUNTIME"] = "process"  # the same everywhere; tests of the Docker runtime ask for it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker("docker")
