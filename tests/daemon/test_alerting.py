"""Alerts over looks and over supervisors, and who is told of them."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from sandbox.control import Alert, AlertState, Metric
from sandbox.daemon import alerting, notify
from sandbox.daemon.alerting import Alerting
from sandbox.daemon.notices import Notices
from sandbox.daemon.notify import MOST_WAITING, Notifier
from sandbox.errors import NotFoundError, UsageError
from sandbox.events import Bus, Kind
from sandbox.model import AlertSettings, Project
from sandbox.tasks import Tasks
from sandbox.telemetry.alerts.observation import Observation
from tests.fakes import data

NOW = data.NOW


class Scene:
    """A supervisor that looks when it is told to, at what it is told."""

    def __init__(self, folder: Path, settings: AlertSettings | None = None) -> None:
        self.project = Project(name="p", root=folder, files=(), services={}, alerts=settings or AlertSettings())
        self.path = folder / "alerts.json"
        self.bus, self.told = Bus(), list[tuple[str, str]]()
        self.errors = 0.0
        self.alerting = self._new()

    def _new(self) -> Alerting:
        return Alerting(self.path, self.bus, lambda: self.project, self._observe, self._tell)

    def restart(self) -> None:
        self.alerting = self._new()
        self.alerting._alerts = self.alerting._load()

    async def _observe(self) -> Observation:
        numbers = {Metric.REQUESTS: 10.0, Metric.ERROR_RATIO: self.errors}
        return Observation(at=NOW, numbers={"pantry": numbers})

    def _tell(self, alert: Alert, project: Project) -> None:
        self.told.append((alert.rule, str(alert.state)))

    async def looks(self, seconds: float, errors: float) -> None:
        self.errors = errors
        for _ in range(int(seconds / alerting.EVERY)):
            if self.alerting._looked_at is not None:
                self.alerting._looked_at -= alerting.EVERY
            await self.alerting.look()

    def kinds(self) -> list[str]:
        return [str(event.kind) for event in self.bus.history()]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_it_fires_once_and_is_over_once(scene: Scene) -> None:
    await scene.looks(60, errors=0.2)
    [standing] = await scene.alerting.alerts()
    assert (standing.state, standing.message) == (AlertState.FIRING, "20 % of the requests to pantry fail")

    await scene.looks(60, errors=0.0)
    assert await scene.alerting.alerts() == ()
    assert scene.kinds() == [Kind.ALERT_FIRING, Kind.ALERT_RESOLVED]
    assert scene.told == [("error_ratio", "firing"), ("error_ratio", "resolved")]


async def test_a_new_supervisor_knows_what_stands_and_what_is_silent(scene: Scene) -> None:
    await scene.looks(60, errors=0.2)
    await scene.alerting.silence("error_ratio", None, 3600)
    scene.restart()

    [standing] = await scene.alerting.alerts()
    assert standing.state is AlertState.FIRING
    assert standing.silenced_until is not None
    await scene.looks(60, errors=0.0)
    assert scene.told == [("error_ratio", "firing")]


async def test_a_damaged_file_is_set_aside_and_said(scene: Scene) -> None:
    scene.path.write_text("{nonsense")
    scene.restart()

    assert await scene.alerting.alerts() == ()
    assert scene.kinds() == [Kind.NOTICE]
    assert scene.path.with_name("alerts.json.corrupt").exists()


async def test_what_can_not_be_silenced(scene: Scene) -> None:
    with pytest.raises(NotFoundError, match="no such alert"):
        await scene.alerting.silence("nonsense", None, 60)
    with pytest.raises(UsageError, match="at most 30 days"):
        await scene.alerting.silence("slow", None, 1e9)


async def test_one_of_a_rule_that_is_silent_as_a_whole_is_not_told_again(scene: Scene) -> None:
    await scene.alerting.silence("slow", None, 60)
    with pytest.raises(UsageError, match="silent for all"):
        await scene.alerting.silence("slow", "pantry", 0)
    await scene.alerting.silence("slow", None, 0)
    await scene.alerting.silence("slow", "pantry", 0)


async def test_a_disk_that_refuses_costs_no_alert(scene: Scene) -> None:
    scene.path = scene.path.parent / "nowhere" / "alerts.json"
    scene.alerting = scene._new()
    await scene.looks(60, errors=0.2)

    assert scene.told == [("error_ratio", "firing")]


# --- telling ----------------------------------------------------------------------------------------------------------

ALERT = Alert(
    rule="slow", subject="pantry", state=AlertState.FIRING, severity="warning", message="pantry is slow", since=NOW
)


async def told_by(project: Project, *alerts: Alert) -> Bus:
    """Until all are told."""
    bus, tasks = Bus(), Tasks()
    notifier = Notifier(Notices(bus))
    for alert in alerts:
        notifier.tell(alert, project)
    notifier.open(tasks)
    async with asyncio.timeout(20):
        while not notifier.idle:
            await asyncio.sleep(0.01)
    await tasks.close()
    return bus


async def test_a_command_gets_variables_and_json(scene: Scene, tmp_path: Path) -> None:
    code = (
        "import os, sys; open('told', 'a').write(os.environ['SANDBOX_ALERT_MESSAGE'] + ' ' "
        "+ os.environ['SANDBOX_ALERT_STATE'] + '\\n' + sys.stdin.read() + '\\n')"
    )
    settings = AlertSettings(command=(sys.executable, "-c", code))
    over = replace(ALERT, state=AlertState.RESOLVED)
    await told_by(replace(scene.project, alerts=settings), ALERT, over)

    first, first_json, second, _ = (tmp_path / "told").read_text().splitlines()
    assert (first, second) == ("pantry is slow firing", "pantry is slow resolved")
    assert json.loads(first_json)["project"] == "p"


@pytest.mark.parametrize(
    ("command", "trouble"),
    [
        (("/nowhere/at/all",), "/nowhere/at/all: No such file or directory"),
        ((sys.executable, "-c", "raise SystemExit('no bell')"), "ended with 1: no bell"),
    ],
)
async def test_a_command_that_fails_is_said_once(scene: Scene, command: tuple[str, ...], trouble: str) -> None:
    bus = await told_by(replace(scene.project, alerts=AlertSettings(command=command)), ALERT, ALERT)

    [said] = bus.history()
    assert said.message.startswith("an alert could not be told: ")
    assert trouble in said.message


async def test_a_command_whose_child_holds_its_output_holds_up_no_other_alert(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "WITHIN", 0.2)
    command = ("sh", "-c", "sleep 60 & sleep 60")
    bus = await told_by(replace(scene.project, alerts=AlertSettings(command=command)), ALERT)

    assert [event.message for event in bus.history()] == ["an alert could not be told: sh did not end within 0.2 s"]


async def test_a_webhook_is_asked_again_until_it_takes_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_PAUSE", 0.01)
    got: list[dict[str, object]] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=500 if len(got) == 1 else 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    bus = await told_by(replace(scene.project, alerts=AlertSettings(webhook=url)), ALERT)
    await runner.cleanup()

    assert [one["rule"] for one in got] == ["slow", "slow"]
    assert bus.history() == ()


async def test_what_can_not_be_told_fast_enough_is_bounded_and_counted(scene: Scene) -> None:
    notifier = Notifier(Notices(Bus()))
    for _ in range(MOST_WAITING + 3):
        notifier.tell(ALERT, replace(scene.project, alerts=AlertSettings(command=("true",))))

    assert notifier.dropped == 3
