"""What keys do, done with the mouse."""

from __future__ import annotations

from textual.widgets import Input

from sandbox.tui.screens.logs import LogsScreen
from sandbox.tui.screens.service import ServiceScreen
from sandbox.tui.widgets.logpane import LogPane
from tests.fakes import data, scene
from tests.tui.stage import Stage, on_stage


async def click(stage: Stage, text: str, *, times: int = 1) -> None:
    """On the first place of the screen that says this."""
    await stage.reads(text)
    await stage.settle()
    lines = stage.text().splitlines()
    row = next(number for number, line in enumerate(lines) if text in line)
    await stage.pilot.click(offset=(lines[row].index(text), row), times=times)


async def test_rows_tabs_and_keys_in_the_footer_are_clicked() -> None:
    async with on_stage(scene.control()) as stage:
        await click(stage, "orders   ")
        await stage.until(lambda: stage.main.target == "orders")
        await click(stage, "mill   ", times=2)
        await stage.until(lambda: isinstance(stage.app.screen, ServiceScreen))
        await click(stage, "rules")
        await stage.reads("backendRequest: 200ms")
        await click(stage, "esc back")
        await stage.until(lambda: stage.app.screen is stage.main)
        await click(stage, " y why  r")
        await stage.reads("u undo revision 12")
        await click(stage, "u undo revision 12")
        await stage.reads("back to:  revision 11")
        await click(stage, "esc leave it")
        await click(stage, "✗ pantry: 20 % of requests fail")
        await stage.reads("why · ")


async def test_a_fault_by_clicks_alone() -> None:
    control = scene.control()
    control.traffic.result = None
    async with on_stage(control) as stage:
        await stage.press("f")
        await click(stage, "2  ")
        await stage.until(lambda: stage.app.screen.query(Input).first().value)
        await click(stage, "enter apply")
        await stage.until(lambda: any(call[0] == "change" and not call[1].dry_run for call in control.traffic.calls))


async def test_lines_are_marked_and_copied_and_the_bar_scrolls() -> None:
    control = scene.control()
    control._lines = [data.log_line("orders", f"line {number:03}") for number in range(200)]
    async with on_stage(control) as stage:
        await stage.press("5")
        await stage.until(lambda: isinstance(stage.app.screen, LogsScreen))
        await stage.reads("line 199")
        pane = stage.app.screen.query_one(LogPane)
        await stage.pilot.mouse_down(LogPane, offset=(30, 3))
        await stage.pilot.hover(LogPane, offset=(30, 6))
        await stage.until(lambda: len(pane.selected) == 4)
        await stage.pilot.mouse_up(LogPane, offset=(30, 6))
        await stage.until(lambda: stage.app.clipboard.count("\n") == 3)
        assert stage.app.clipboard.startswith("line ")

        await stage.pilot.mouse_down(LogPane, offset=(pane.size.width - 1, 0))
        await stage.reads("line 000", "stands still")
        await stage.pilot.hover(LogPane, offset=(pane.size.width - 1, pane.size.height - 1))
        await stage.reads("line 199", "200 lines")
        await stage.pilot.mouse_up(LogPane, offset=(pane.size.width - 1, pane.size.height - 1))
        assert pane.view.following
