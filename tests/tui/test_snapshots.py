"""Every screen with fixed data, compared with what was looked at and found good."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import ProjectStatus, Status, TelemetrySnapshot
from tests.fakes import data, scene
from tests.fakes.control import FakeControl
from tests.tui.stage import UPDATE, check_snapshot, on_stage

FOLDER = Path(__file__).parent / "snapshots"
NO_TRAFFIC = TelemetrySnapshot(at=data.NOW, services={}, edges=())
SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=lambda size: f"{size[0]}x{size[1]}")


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


async def compare(
    control: FakeControl, size: tuple[int, int], name: str, keys: Sequence[str], settled: Sequence[str]
) -> None:
    async with on_stage(control, size, now=scene.NOW) as stage:
        for key in keys:
            await stage.press(key)
        await stage.reads(*settled, "bakery ·")  # what is below a dialog is drawn after it
        await stage.settle()
        check_snapshot(stage.text(), FOLDER / f"{name}_{size[0]}x{size[1]}.txt", update=UPDATE in os.environ)


@SIZES
@pytest.mark.parametrize(
    ("name", "project", "telemetry", "settled"),
    [
        ("healthy", data.project(), data.telemetry(), "v1-1 ready"),
        ("ailing", ailing(), data.telemetry(), "v1-1 ready"),
        ("fresh", data.project(), NO_TRAFFIC, "no traffic yet"),
    ],
)
async def test_overview(
    size: tuple[int, int], name: str, project: ProjectStatus, telemetry: TelemetrySnapshot, settled: str
) -> None:
    control = FakeControl(project, events=data.events(), lines=data.log_lines(), telemetry=telemetry)
    await compare(control, size, name, (), (settled, "exited with code 1"))


@SIZES
@pytest.mark.parametrize(
    ("name", "keys", "settled"),
    [
        ("overview", "", ("dropped a sack", "▇")),
        ("map", "2", ("gateway", "✗20%", "mill → pantry")),
        ("traffic", "3", ("503 for 50 %", "v2 is told to fail")),
        ("traces", "4", ("gateway POST /api/buns", "kept")),
        ("logs", "5", ("no steam", "lines")),
        ("alerts", "6", ("✗ firing", "all of them by pantry-v1-1")),
        ("events", "7", ("orders reloaded",)),
        ("doctor", "8", ("v2 is told to fail", "one request in ten")),
        ("why", "y", ("revision 12 put it there", "u undoes revision 12")),
        ("help", "?", ("open the service's page",)),
        ("service", "enter", ("pid 4242", ":43121")),
        ("charts", "enter ]", ("latency", "memory")),
        ("environment", "enter ] ] ]", ("43121",)),
        ("trace", "4 enter", ("attempt 1 of 2", "█")),
        ("fault", "f 2", ("what would change", "+    - fault", "of the last 400 requests")),
        ("weights", "3 v", ("weights · steamer", "what would change", "90 %")),
        ("undo", "u", ("back to:  revision 11",)),
        ("steer", "x", ("1  fault",)),
    ],
)
async def test_screen(size: tuple[int, int], name: str, keys: str, settled: Sequence[str]) -> None:
    names = {"?": "question_mark", "]": "right_square_bracket"}
    await compare(scene.control(), size, name, [names.get(key, key) for key in keys.split()], settled)


@SIZES
async def test_a_try_stands_above_every_screen(size: tuple[int, int]) -> None:
    await compare(scene.control(trying=True), size, "trial", "2", ("24s left", "errors 0% → 10%", "gateway"))


@SIZES
async def test_thirty_services_on_the_map(size: tuple[int, int]) -> None:
    control = scene.control()
    control.metrics.now = scene.wide_graph()
    await compare(control, size, "wide_map", "2", ("service-00", "gateway"))
