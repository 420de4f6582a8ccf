"""A picture of a screen, as the README shows it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from textual.pilot import Pilot

from sandbox.control import Control
from sandbox.errors import SandboxError
from sandbox.tui.app import SandboxApp, TuiResult
from sandbox.tui.messages import OpenService

_PATIENCE = 10.0
_SETTLES_IN = 0.6
"""Seconds in which nothing changes until all has been drawn."""
_STEP = 0.05
_FONTS = re.compile(r"@font-face\s*{[^}]*}\s*")
"""Loaded from elsewhere; a picture that stands alone takes the viewer's own."""


async def screenshot_svg(
    control: Control, size: tuple[int, int] = (100, 28), *, screen: str = "overview", service: str | None = None
) -> str:
    """The screen at `size` columns and lines, once it says all it knows; with a service, its page.

    SandboxError when nothing answers.
    """
    app = SandboxApp(control)
    async with app.run_test(size=size) as pilot:
        await _until(pilot, lambda: app.picture.informed)
        if service is not None:
            app.post_message(OpenService(service, "charts"))
        elif screen != "overview":
            await app.action_go(screen)
        await _settled(app, pilot)
        return _FONTS.sub("", app.export_screenshot(title="sandbox"))


async def _until(pilot: Pilot[TuiResult], condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > ends:
            raise SandboxError("the supervisor did not answer", hint="look at: sandbox ps")
        await pilot.pause(_STEP)


async def _settled(app: SandboxApp, pilot: Pilot[TuiResult]) -> None:
    """Until the screen says the same for a while, or live numbers have kept it from that for long enough."""
    ends, still_since, before = time.monotonic() + _PATIENCE / 2, time.monotonic(), ""
    while time.monotonic() < ends and time.monotonic() - still_since < _SETTLES_IN:
        await pilot.pause(_STEP)
        said = "".join(strip.text for strip in app.screen._compositor.render_strips())
        if said != before:
            before, still_since = said, time.monotonic()
