"""A picture of the main screen, as the README shows it."""

from __future__ import annotations

import asyncio
import time

from sandbox.control import Control
from sandbox.tui.app import SandboxApp

_PATIENCE = 5.0
_LOG_SETTLES = 0.5
"""Seconds after which the newest log lines have been drawn."""


async def screenshot_svg(control: Control, size: tuple[int, int] = (100, 28)) -> str:
    """The screen at `size` columns and lines, once it knows the project. TimeoutError when nothing answers."""
    app = SandboxApp(control)
    async with app.run_test(size=size) as pilot:
        until = time.monotonic() + _PATIENCE
        while not app.cockpit.picture.informed:
            if time.monotonic() > until:
                raise TimeoutError("the supervisor did not answer")
            await pilot.pause(0.02)
        await asyncio.sleep(_LOG_SETTLES)
        await pilot.pause()
        return app.export_screenshot(title="sandbox")
