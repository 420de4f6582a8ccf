"""What a person should know about how a project runs here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.model import Limits, Mount, MountKind, TelemetrySettings, Version
from sandbox.supervisor.remarks import remarks
from sandbox.supervisor.wiring import DOCKER, Ground
from tests.supervisor.build import a_project, a_service, a_version

CONTAINED = Ground(runtimes={"db": DOCKER})


def said(version: Version, ground: Ground) -> tuple[str, ...]:
    return remarks(a_project(a_service("db", version)), ground)


def test_a_service_that_opted_out_of_hardening_is_named() -> None:
    (sentence,) = said(replace(a_version(), hardened=False), CONTAINED)
    assert sentence.startswith("db is not hardened: it keeps the engine's default capabilities")
    assert said(replace(a_version(), cap_add=("CHOWN",)), CONTAINED) == ("db is given the capabilities CHOWN",)


def test_what_a_process_can_not_be_given_is_named() -> None:
    data = Mount(kind=MountKind.VOLUME, source="data", target="/data")
    assert said(replace(a_version(), mounts=(data,), user="999"), Ground()) == (
        "db runs as a process, which leaves out user, volumes",
    )


def test_limits_hold_in_containers_only() -> None:
    limited = replace(a_version(), limits=Limits(memory=1 << 28))
    assert said(limited, Ground()) == ("db runs as a process, which leaves out deploy.resources.limits",)
    assert said(limited, CONTAINED) == ()


def test_of_several_versions_the_right_one_is_named() -> None:
    project = a_project(a_service("db", a_version("v1"), replace(a_version("v2"), hardened=False)))
    (sentence,) = remarks(project, CONTAINED)
    assert sentence.startswith("db v2 is not hardened")


def test_a_plain_service_needs_no_words() -> None:
    assert said(a_version(), CONTAINED) == said(a_version(), Ground()) == ()


@pytest.mark.parametrize("ground", [Ground(), CONTAINED])
def test_instrumentation_costs_the_warm_start(ground: Ground) -> None:
    project = a_project(a_service("db", a_version()))
    auto = replace(project, settings=replace(project.settings, telemetry=TelemetrySettings(auto=True)))
    (cold,) = remarks(auto, ground)
    assert cold.startswith("telemetry.auto is on, so Python services start cold")
