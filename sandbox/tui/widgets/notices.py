"""The lines above every screen that come and go."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical

from sandbox.tui.notices import Said
from sandbox.tui.widgets.line import Line

_LINES = ("away", "watch", "warning", "alert", "trial", "missing")


class AlertLine(Line):
    """Leads to the cause, as its key does."""

    async def on_click(self) -> None:
        await self.run_action("app.why")


class Notices(Vertical):
    """Takes no room when there is nothing to say."""

    DEFAULT_CSS = """
    Notices {
        height: auto;
        & > #away, & > #watch { background: $warning 30%; text-style: bold; }
        & > #trial { background: $primary 25%; }
    }
    """

    def compose(self) -> ComposeResult:
        for name in _LINES:
            line = (AlertLine if name == "alert" else Line)(id=name, classes="-fleeting -wrapping")
            line.display = False
            yield line

    def say(self, said: Mapping[str, Said]) -> None:
        """Of the lines that are named."""
        for name, what in said.items():
            self.query_one(f"#{name}", Line).said = what
