"""Where what Envoy refuses is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.errors import RefusedPolicyError
from sandbox.supervisor.steering.refusals import service_of, written
from tests.supervisor.build import a_project, a_service

PROJECT = replace(
    a_project(a_service("mill.one")),
    places={"traffic.mill.one": "sandbox.yaml:9:3", "traffic.mill.one.rules[1]": "more.yaml:11:9"},
)


@pytest.mark.parametrize(
    ("place", "service", "there"),
    [
        ("traffic.mill.one.rules[1]", "mill.one", "more.yaml:11:9"),
        ("traffic.mill.one.rules[0]", "mill.one", "sandbox.yaml:9:3"),
        ("traffic.mill.one", "mill.one", "sandbox.yaml:9:3"),
        ("traffic.store", "store", "traffic.store"),
        ("traffic", None, "traffic"),
    ],
)
def test_the_place_is_the_nearest_that_is_known(place: str, service: str | None, there: str) -> None:
    error = RefusedPolicyError("Envoy refuses it: no", place=place, hint="mend it")

    assert service_of(error) == service
    assert str(written(error, PROJECT)) == f"{there}: Envoy refuses it: no"
    assert written(error, PROJECT).hint == "mend it"
