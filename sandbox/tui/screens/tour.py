"""One minute: where things are, and the three keys to remember. Shown once."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.tui.hints import hints

PAGES = (
    (
        "this is your cluster",
        "Every line is a service. What is wrong stands first, with its reason in words.\n\n"
        "  ↑ ↓      choose one; its log is below\n"
        "  enter    its page: instances, charts, log, environment, rules\n"
        "  esc      back, always",
    ),
    (
        "where to look",
        "The digits lead everywhere, the mouse too.\n\n"
        "  2  map      who calls whom, how often, with how many errors\n"
        "  4  traces   one request, hop by hop\n"
        "  5  logs     all of them; / narrows while you type\n"
        "  6  alerts   what is wrong, and since when",
    ),
    (
        "steer it while it runs",
        "Nothing is restarted, each change is shown before it is made, and each has a way back.\n\n"
        "  f    a fault: f 1 enter lets every request to a service fail\n"
        "  v    weights: which version gets how much\n"
        "  x    timeout, retry, limit, mirror\n"
        "  u    undo the last change",
    ),
    (
        "three keys to remember",
        "  y       why: what is wrong, what it comes from, what to do\n"
        "  ?       the keys of the screen you are on\n"
        "  ctrl+p  everything there is, by its name\n\n"
        "q leaves, and the cluster keeps running.",
    ),
)


class TourScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,right,space", "turn(1)", "Next", priority=True),
        Binding("left,backspace", "before", "Before"),
        Binding("escape,q", "dismiss(None)", "Skip"),
    ]
    DEFAULT_CSS = """
    TourScreen {
        align: center middle;
        & > Vertical {
            width: 72;
            max-width: 96%;
            height: auto;
            padding: 1 3;
            border: round $primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
        Static { height: auto; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._page = 0

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(id="said", markup=False)

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        title, text = PAGES[self._page]
        box = self.query_one(Vertical)
        box.border_title = f"{title} · {self._page + 1} of {len(PAGES)}"
        following = ("enter next" if self._page < len(PAGES) - 1 else "enter begin", "turn(1)")
        before = [("← before", "before")] if self._page else []
        skip = [("esc skip", "dismiss(None)")] if self._page < len(PAGES) - 1 else []
        box.border_subtitle = hints(following, *before, *skip)
        self.query_one("#said", Static).update(text)

    def action_before(self) -> None:
        self.action_turn(-1)

    def action_turn(self, by: int) -> None:
        self._page += by
        if self._page >= len(PAGES):
            self.dismiss(None)
            return
        self._page = max(0, self._page)
        self._show()

    def on_click(self, event: events.Click) -> None:
        """Anywhere but on a key that is named."""
        if "@click" not in event.style.meta:
            self.action_turn(1)
