"""The app on a terminal that only exists in memory, and what stands on it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot

from sandbox.tui.app import SandboxApp, TuiResult
from sandbox.tui.screens.overview import OverviewScreen
from sandbox.tui.widgets.grid import Grid
from sandbox.tui.widgets.logpane import LogPane
from tests.fakes.control import FakeControl

_CONTROLS = {"\r": "enter", "\t": "tab"}
DEADLINE = 30.0
"""Seconds; beside other tests the cores are busy."""


class Stage:
    def __init__(self, app: SandboxApp, pilot: Pilot[TuiResult], control: FakeControl) -> None:
        self.app = app
        self.pilot = pilot
        self.control = control

    @property
    def main(self) -> OverviewScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, OverviewScreen)
        return screen

    @property
    def table(self) -> Grid:
        return self.main.query_one(Grid)

    @property
    def log(self) -> LogPane:
        return self.main.query_one(LogPane)

    @property
    def toasts(self) -> list[str]:
        return [notification.message for notification in self.app._notifications]

    def text(self) -> str:
        """What can be read on the screen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    def type_at_once(self, text: str) -> None:
        """As a terminal hands over what came in one piece: no key waits for what the one before leads to."""
        for character in text:
            key = _CONTROLS.get(character) or _character_to_key(character)
            self.app.post_message(Key(key, character))

    async def until(self, condition: Callable[[], object]) -> None:
        ends = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < ends, f"it did not come true; the screen says\n{self.text()}"
            await self.pilot.pause(0.01)

    async def settle(self) -> None:
        """Until the screen says the same for a while."""
        before, same = "", 0
        while same < 6:
            await self.pilot.pause(0.02)
            same = same + 1 if self.text() == before else 0
            before = self.text()

    async def reads(self, *texts: str) -> None:
        """Until all of these are on the screen."""
        await self.until(lambda: all(text in self.text() for text in texts))


@asynccontextmanager
async def on_stage(
    control: FakeControl, size: tuple[int, int] = (80, 24), now: float | None = None
) -> AsyncIterator[Stage]:
    """Entered once the services are shown. now: what the clock says all the time."""
    app = SandboxApp(control, now=time.time if now is None else lambda: now)
    async with app.run_test(size=size, notifications=True) as pilot:
        stage = Stage(app, pilot, control)
        await stage.until(lambda: app.cockpit.picture.informed and stage.table.row)
        yield stage


def check_snapshot(text: str, file: Path, *, update: bool) -> None:
    """Compare with what was looked at and found good; `update` replaces that."""
    if update:
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{text}\n")
    assert f"{text}\n" == file.read_text(), f"if it is as it should be, run: {UPDATE}=1 pytest tests/tui"


UPDATE = "SANDBOX_UPDATE_SNAPSHOTS"
