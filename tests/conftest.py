"""For all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import hypothesis
import pytest
from xdist.remote import Producer

from tests.docker_engine import engine, shared_engine
from tests.side_by_side import Groups

__all__ = ["engine"]


def pytest_configure() -> None:
    """Started in the background by a script, we would inherit that Ctrl-C is ignored, and so would what tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.register_profile("beside others", deadline=None)  # what shares its cores has no set pace
    hypothesis.settings.load_profile("beside others")
    os.environ["SANDBOX_RUNTIME"] = "process"  # the same everywhere; tests of the Docker runtime ask for it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker("docker")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    return Groups(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, bool | None, bool | None]:
    try:
        with shared_engine(session.config):
            return (yield)
    except pytest.fail.Exception as left:
        session.config.get_terminal_writer().line(f"\n{left.msg}", red=True)
        raise session.Failed(left.msg) from left
