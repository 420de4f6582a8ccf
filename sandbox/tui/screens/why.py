"""What is wrong with something, what it comes from, and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.control import Revision
from sandbox.errors import SandboxError
from sandbox.tui.causes import Said, undone_by, why_lines
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.hints import CLOSE, hints
from sandbox.tui.messages import OpenRollback, OpenService
from sandbox.tui.palette import TONE_CLASSES, TONE_CSS, tone_style
from sandbox.tui.words import Tone


class WhyScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,y", "dismiss(None)", "Close"),
        Binding("u", "undo", "Undo"),
        Binding("enter", "open", "Open"),
        Binding("r", "again", "Look again"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = set(TONE_CLASSES)
    DEFAULT_CSS = f"""
    WhyScreen {{
        align: center middle;
        & > VerticalScroll {{
            width: 90%;
            max-width: 110;
            height: auto;
            max-height: 90%;
            padding: 0 2;
            border: round $primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }}
        {TONE_CSS}
    }}
    """

    def __init__(self, cockpit: Cockpit, target: str | None) -> None:
        super().__init__()
        self._cockpit = cockpit
        self._asked = target
        self._guilty: str | None = target
        self._undone: Revision | None = None  # offered to be undone

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = f"why · {self._asked or 'whatever is worst'}"
            box.border_subtitle = self._keys
            yield Static("looking…", id="said")

    def on_mount(self) -> None:
        self.action_again()

    @work(exclusive=True)
    async def action_again(self) -> None:
        try:
            diagnosis = await self._cockpit.control.diagnosis.why(self._asked)
        except SandboxError as error:
            self._say([(f"▲ {error}", Tone.BUSY), (error.hint, Tone.PLAIN)])
            return
        self._guilty = next((cause.service for cause in diagnosis.causes if cause.service), self._asked)
        picture = self._cockpit.picture
        newest = None if picture.looks_only else await self._newest()
        self._undone = undone_by(newest, diagnosis, picture.telemetry)
        self._say(why_lines(diagnosis, self._cockpit.picture.firing, self._asked, self._undone))

    async def _newest(self) -> Revision | None:
        try:
            found = await self._cockpit.control.traffic.history(1)
        except SandboxError:
            return None
        return found[0] if found else None

    @property
    def _keys(self) -> str:
        undo = [(f"u undo revision {self._undone.number}", "undo")] if self._undone else []
        return hints(("enter its page", "open"), *undo, ("r look again", "again"), CLOSE)

    def _say(self, lines: Sequence[Said]) -> None:
        self.query_one(VerticalScroll).border_subtitle = self._keys
        parts = [Text(text, style=tone_style(self, tone)) for text, tone in lines if text or tone is Tone.PLAIN]
        self.query_one("#said", Static).update(Text("\n").join(parts))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._undone is not None if action == "undo" else True

    def action_undo(self) -> None:
        self.dismiss(None)
        self.app.post_message(OpenRollback())

    def action_open(self) -> None:
        self.dismiss(None)
        if self._guilty and self._cockpit.picture.service(self._guilty):
            self.app.post_message(OpenService(self._guilty))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
