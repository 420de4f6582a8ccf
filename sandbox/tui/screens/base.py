"""What every screen of the cockpit has: where it is, what stands above it, what it asks for, what its keys are."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widgets import Footer

from sandbox.errors import SandboxError
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.logfilter import plain
from sandbox.tui.looking import OF_SCREENS, REFUSED, changing_keys, without
from sandbox.tui.notices import notices
from sandbox.tui.questions import Question, Questions
from sandbox.tui.screens.help import HelpScreen, Keys
from sandbox.tui.widgets.headline import Headline
from sandbox.tui.widgets.logpane import LogPane
from sandbox.tui.widgets.navbar import NavBar
from sandbox.tui.widgets.notices import Notices
from sandbox.tui.words import Tone

EVERYWHERE: Keys = (
    ("1 … 8", "overview, map, traffic, traces, logs, alerts, events, doctor"),
    ("ctrl+p", "everything there is, by its name"),
    ("y", "why: what is wrong, and what it comes from"),
    ("u", "undo the last change of the traffic; shows it first"),
    ("g", "send a little traffic in the background, or stop that"),
    ("K  B", "keep what is being tried, or go back now; B ends a ramp too"),
    ("t", "another theme"),
    ("?", "the keys of this screen; ? again begins the tour"),
    ("q", "leave; the cluster keeps running"),
    ("D", "stop the whole cluster and leave"),
)


class CockpitScreen(Screen[None]):
    """A subclass says what it shows (`body`), draws the picture (`look`), and asks for more (`questions`)."""

    PLACE: ClassVar[str] = ""
    KEYS: ClassVar[Keys] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.leave", "quit"),
        Binding("question_mark", "app.help", "help", key_display="?"),
        Binding("y", "app.why", "why"),
    ]
    DEFAULT_CSS = """
    CockpitScreen { layout: vertical; }
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__()
        self.cockpit = cockpit
        self.asking = Questions(self._missing)
        self._absent: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield Headline()
        yield NavBar(self.PLACE)
        yield Notices()
        yield from self.body()
        yield Footer(show_command_palette=False)

    def body(self) -> ComposeResult:
        raise NotImplementedError

    def questions(self) -> Iterable[Question]:
        return ()

    def look(self) -> None:
        """The picture has changed, or it is seen again."""

    # --- what may be done ---------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self.cockpit.picture.looks_only and action in OF_SCREENS)

    @property
    def _refused(self) -> frozenset[str]:
        """Keys that change something, where nothing may be changed."""
        if not self.cockpit.picture.looks_only:
            return frozenset()
        bindings = [binding for kind in type(self).__mro__ for binding in vars(kind).get("BINDINGS", ())]
        return changing_keys(bindings, self.app.BINDINGS)

    def on_key(self, event: events.Key) -> None:
        if event.key in self._refused:
            self.tell(REFUSED, "warning")

    # --- coming and going ---------------------------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        self.asking.begin(self.questions())
        self.heard()

    def on_screen_suspend(self) -> None:
        self.asking.end()

    async def on_unmount(self) -> None:
        await self.asking.close()

    def heard(self) -> None:
        if not self.query(Headline):  # not there yet, or no more
            return
        picture = self.cockpit.picture
        self.query_one(Headline).status = picture.status
        self.query_one(Headline).firing = len(picture.firing)
        self.query_one(Headline).failing = picture.failing
        self.query_one(Headline).looks_only = picture.looks_only
        self.query_one(NavBar).counts = {"alerts": len(picture.firing)}
        self.query_one(Notices).say(notices(picture, self.cockpit.now()))
        self.look()

    def _missing(self, what: str, why: str) -> None:
        if self._absent.get(what, "") == why:
            return
        self._absent[what] = why
        absent = [f"{name}: {reason}" for name, reason in self._absent.items() if reason]
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        for lines in self.query(Notices):  # none while the screen is taken down
            lines.say({"missing": (f"· no {absent[0]}{more}" if absent else "", Tone.OFF)})

    # --- orders -------------------------------------------------------------------------------------------------

    @work
    async def give(self, order: Awaitable[str]) -> None:
        """Tells what came of it."""
        try:
            self.tell(await order)
        except SandboxError as error:
            self.tell(f"{error}\n{error.hint}".rstrip(), "error")
        self.cockpit.hurry()

    def tell(self, text: str, severity: SeverityLevel = "information") -> None:
        """Answer a key; the newest answer alone is shown."""
        self.app.clear_notifications()
        self.notify(text, severity=severity, timeout=8 if severity == "error" else 3, markup=False)

    @on(LogPane.Selected)
    def copy_lines(self) -> None:
        """Those marked in the log, or the one under the cursor."""
        pane = self.query_one(LogPane)
        if lines := pane.selected:
            texts = [plain(line.text) for line in lines]
            self.app.copy_to_clipboard("\n".join(texts))
            self.tell(f"copied: {texts[0][:60]}" if len(texts) == 1 else f"copied {len(texts)} lines")
        else:
            self.tell("there is no log line to copy", "warning")

    def show_help(self) -> None:
        keys = without((*self.KEYS, ("", ""), *EVERYWHERE), self._refused)
        self.app.push_screen(HelpScreen(f"keys of {self.PLACE}", keys))

    @property
    def target(self) -> str | None:
        """The service that is chosen here, for the keys that concern one."""
        return None
