"""What happened so far, the newest first."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.events import Event
from sandbox.tui.words import Tone, event_line

_STYLES = {Tone.BAD: "red", Tone.BUSY: "yellow"}


class EventsScreen(ModalScreen[None]):
    """Shows `events`, given oldest first, and their details."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,e,enter", "dismiss(None)", "Close"),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]
    DEFAULT_CSS = """
    EventsScreen {
        align: center middle;
        & > VerticalScroll {
            width: 95%;
            height: 90%;
            padding: 0 1;
            border: round $primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
    }
    """

    events: reactive[tuple[Event, ...]] = reactive(())

    def __init__(self, events: tuple[Event, ...]) -> None:
        super().__init__()
        self.set_reactive(EventsScreen.events, events)

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "events, newest first"
            box.border_subtitle = "esc to close"
            yield Static(_text(self.events), id="list")

    def watch_events(self, events: tuple[Event, ...]) -> None:
        if self.is_mounted:
            self.query_one("#list", Static).update(_text(events))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def _text(events: tuple[Event, ...]) -> Text:
    text = Text("\n").join(_lines(event) for event in reversed(events))
    return text if events else Text("nothing happened yet")


def _lines(event: Event) -> Text:
    line, tone = event_line(event)
    text = Text(line, style=_STYLES.get(tone, ""))
    for detail in event.detail.splitlines():
        text.append("\n           ").append(Text.from_ansi(detail, style="dim"))
    return text
