"""The main screen with fixed data, compared with what was looked at and found good."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import ProjectStatus, Status, TelemetrySnapshot
from tests.fakes import data
from tests.fakes.control import FakeControl
from tests.tui.stage import UPDATE, check_snapshot, on_stage

FOLDER = Path(__file__).parent / "snapshots"
NO_TRAFFIC = TelemetrySnapshot(at=data.NOW, services={}, edges=())


def ailing() -> ProjectStatus:
    store, orders, _ = data.services()
    second = data.instance("steamer-v2-1", version="v2", status=Status.BACKOFF)
    steamer = data.service(
        "steamer",
        versions=("v1", "v2"),
        status=Status.BACKOFF,
        reason="steamer-v2-1: exit code 1, 3 times within 12 s; the next try is in 4 s",
        instances=(data.instance("steamer-v1-1"), replace(second, address=None, restarts=3, reason="exit code 1")),
    )
    return data.project(store, replace(orders, status=Status.STARTING, ready=0), steamer)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "project", "telemetry", "settled"),
    [
        ("healthy", data.project(), data.telemetry(), "listening on"),
        ("ailing", ailing(), data.telemetry(), "v1-1 ready"),
        ("fresh", data.project(), NO_TRAFFIC, "no traffic yet"),
    ],
)
async def test_main(
    size: tuple[int, int], name: str, project: ProjectStatus, telemetry: TelemetrySnapshot, settled: str
) -> None:
    control = FakeControl(project, events=data.events(), lines=data.log_lines(), telemetry=telemetry)
    async with on_stage(control, size) as stage:
        await stage.reads(settled, "exited with code 1", "listening" if name != "ailing" else "ready")
        await stage.pilot.pause()
        file = FOLDER / f"{name}_{size[0]}x{size[1]}.txt"
        check_snapshot(stage.text(), file, update=UPDATE in os.environ)
