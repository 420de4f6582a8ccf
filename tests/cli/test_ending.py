"""Who is meant to end, and who was to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.cli.ending import has_ended, jobs, should_go_on
from sandbox.config.loader import load
from sandbox.control import Status
from tests.fakes import data


def test_a_job_says_so_or_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.yaml"
    file.write_text(
        """
services:
  web: {build: ., command: run, depends_on: {migrate: {condition: service_completed_successfully}}}
  migrate: {build: ., command: run}
  seed: {build: ., command: run, restart: "no"}
"""
    )

    assert jobs(load([file], environment={})) == {"migrate", "seed"}


@pytest.mark.parametrize(("status", "ended"), [(Status.STOPPED, True), (Status.STOPPING, False)])
def test_ended_is_stopped_with_its_instance_still_known(status: Status, ended: bool) -> None:
    assert has_ended(data.service("web", status=status)) is ended
    assert not has_ended(data.service("web", status=Status.STOPPED, instances=()))


def test_one_with_a_port_should_go_on_unless_it_is_a_job() -> None:
    assert should_go_on(frozenset(), data.service("web"))
    assert not should_go_on(frozenset({"web"}), data.service("web"))
