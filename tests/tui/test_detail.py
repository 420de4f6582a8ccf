from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from sandbox.tui.widgets.detail import Detail
from sandbox.tui.words import Tone


class Showing(App[None]):
    def compose(self) -> ComposeResult:
        yield Detail()


@pytest.mark.parametrize("title", ["web → [/b]", "web → [bold]shop", "web → [::1]"])
async def test_a_title_is_text_and_no_markup(title: str) -> None:
    async with Showing().run_test(size=(60, 5)) as pilot:
        pilot.app.query_one(Detail).say(title, [("it fails", Tone.BAD)])
        await pilot.pause()
        first = "".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
    assert f" {title} " in first
