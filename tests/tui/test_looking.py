"""Views for looking only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sandbox.tui.app import SandboxApp
from sandbox.tui.commands import offers
from sandbox.tui.looking import REFUSED, changes, changing_keys, without
from sandbox.tui.picture import Picture
from sandbox.tui.screens.overview import OverviewScreen
from tests.fakes import data, scene
from tests.fakes.control import FakeControl
from tests.tui.stage import Stage


@asynccontextmanager
async def onlooker(control: FakeControl) -> AsyncIterator[Stage]:
    app = SandboxApp(control, now=lambda: scene.NOW, looks_only=True)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        stage = Stage(app, pilot, control)
        await stage.until(lambda: app.picture.informed and stage.table.row)
        yield stage


def test_keys_that_change_something_are_left_out_of_help() -> None:
    refused = changing_keys(OverviewScreen.BINDINGS, SandboxApp.BINDINGS)

    assert {"f", "v", "x", "u", "g", "r", "s", "+", "-", "w", "K", "B", "D"} <= refused
    assert not refused & {"enter", "y", "q", "slash", "l", "c", "t"}
    left = [key for key, _ in without(OverviewScreen.KEYS, refused)]
    assert "enter" in left and not {"f  v  x", "r", "s", "+  -", "w"} & set(left)


@pytest.mark.parametrize(
    ("action", "changing"),
    [("app.steer('fault')", True), ("restart", True), ("app.order('restart', 'mill')", True), ("order", False)],
)
def test_what_changes_something(action: str, changing: bool) -> None:
    assert changes(action) is changing


def test_the_palette_offers_nothing_that_is_refused() -> None:
    picture = Picture(looks_only=True)
    picture.status = data.project()
    names = [offer.name for offer in offers(picture)]

    assert "Open orders" in names
    assert not any(name.startswith(("Restart", "Fault", "Undo", "Send", "Stop")) for name in names)


async def test_keys_that_change_something_are_not_shown_and_say_why_they_do_nothing() -> None:
    control = scene.control(trying=True)
    async with onlooker(control) as stage:
        await stage.reads("read-only", "◔ try of steamer: 24s left")
        assert "B back now" not in stage.text()
        assert "stop/start" not in stage.text().splitlines()[-1]
        for key in ("f", "r", "u", "g", "D", "plus"):
            stage.app.clear_notifications()
            await stage.press(key)
            await stage.until(lambda: REFUSED in stage.toasts)
        await stage.press("3")
        await stage.reads("as in sandbox.yaml")
        await stage.press("tab", "end", "enter")
        await stage.until(lambda: REFUSED in stage.toasts)
    assert control.calls == []
    assert control.traffic.calls == []
