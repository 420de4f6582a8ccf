"""The engine that tests get, and the script that brings it up."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.runtime.docker.builds.names import PROJECT as IMAGE_PROJECT
from sandbox.runtime.docker.images import DEFAULTS
from sandbox.runtime.docker.labels import of_project
from tests.docker_engine import SCRIPT, RealEngine, made_by_the_script, settle, without


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *words], env=os.environ | environment, capture_output=True, text=True, check=False, timeout=30
    )


def test_the_script_makes_an_image_for_every_purpose() -> None:
    assert made_by_the_script().keys() == DEFAULTS.keys()


def test_it_never_starts_an_engine_in_place_of_another(tmp_path: Path) -> None:
    elsewhere = run("--state", str(tmp_path), DOCKER_HOST="tcp://127.0.0.1:2375")
    silent = run("--state", str(tmp_path), DOCKER_HOST=f"unix://{tmp_path}/none.sock")

    assert (elsewhere.returncode, silent.returncode) == (1, 1)
    assert elsewhere.stderr.startswith(
        "error: DOCKER_HOST names an engine on another machine: tcp://127.0.0.1:2375\nhint: "
    )
    assert silent.stderr.startswith(f"error: no engine answers at {tmp_path}/none.sock\nhint: ")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_stopped_that_it_did_not_start(tmp_path: Path) -> None:
    assert run("--stop", str(tmp_path)).returncode == 0


def test_help_and_nonsense() -> None:
    helped, refused = run("--help"), run("--frobnicate")

    assert (helped.returncode, refused.returncode) == (0, 2)
    assert helped.stdout == refused.stderr


@pytest.mark.parametrize(("wanted", "outcome"), [("required", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_an_engine_tests_are_skipped_unless_one_is_required(
    monkeypatch: pytest.MonkeyPatch, wanted: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("SANDBOX_TEST_DOCKER", wanted)

    with pytest.raises(outcome, match="there is no engine"):
        without("there is no engine")


@pytest.fixture
def litter(engine: RealEngine) -> Iterator[str]:
    """The id of a project that left one of each kind."""
    project = f"litter-{uuid.uuid4().hex[:6]}"
    labels = of_project(project)
    container = engine.api.create_container(engine.image("run"), "true", name=project, labels=labels)
    network = engine.api.create_network(project, labels=labels)
    engine.api.create_volume(project, labels=labels)
    engine.api.commit(container, project, changes=[f"LABEL {IMAGE_PROJECT}={project}"])
    yield project
    engine.api.remove_image(project)
    engine.api.remove_volume(project)
    engine.api.remove_network(network["Id"])
    engine.api.remove_container(container)


def test_leftovers_are_seen_whatever_they_are(engine: RealEngine, litter: str) -> None:
    assert engine.leftovers(litter) == [
        f"container {litter}",
        f"image {litter}:latest",
        f"network {litter}",
        f"volume {litter}",
    ]
    of_all = sorted(str(one) for one in engine.all_leftovers() if one.project == litter)
    assert of_all == [f"container {litter}", f"network {litter}", f"volume {litter}"]


def test_nothing_is_left_of_a_project_that_left_nothing(engine: RealEngine) -> None:
    assert engine.leftovers("no-such-project") == []


def test_what_is_left_at_the_end_fails_where_the_engine_is_for_tests_alone(
    monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.setenv("SANDBOX_TEST_DOCKER", "required")

    settle(pytestconfig, [])
    with pytest.raises(pytest.fail.Exception, match="left in the engine by a test: network shop"):
        settle(pytestconfig, ["network shop"])
