"""Dialogs that change how a service's requests travel: what is wanted above, what would change below."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from sandbox.control import Change, ChangeResult, Document, Edit, EditAction, Origin, RampRequest
from sandbox.errors import PreconditionError, SandboxError, UsageError
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.hints import CLOSE, hint, hints
from sandbox.tui.rules import weights
from sandbox.tui.steering import FORMS, MENU, Form, edit, filled, preset, weighed
from sandbox.tui.widgets.preview import Preview
from sandbox.tui.widgets.slider import Slider

TRY_FOR = 60.0
APPLY, TRY = ("enter apply", "apply"), (f"ctrl+t try {TRY_FOR:.0f} s", "try")
RAMP = (5, 25, 50, 100)
RAMP_EVERY = 30.0
RAMP_ABORT = "errors>5%"

DIALOG_CSS = """
    align: center middle;
    & > Vertical {
        width: 84;
        max-width: 96%;
        height: auto;
        max-height: 94%;
        padding: 0 1;
        border: round $primary;
        border-subtitle-color: $text-muted;
        background: $surface;
    }
    Static { height: auto; }
"""


class SteeringDialog(ModalScreen[str | None]):
    """Dismissed with what was done in words, or None. A subclass says which edit is wanted now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close"),
        Binding("enter", "apply", "Apply"),  # behind what was typed before it, so no priority
        Binding("ctrl+t", "try", "Try"),
    ]

    def __init__(self, cockpit: Cockpit, service: str) -> None:
        super().__init__()
        self.cockpit = cockpit
        self.service = service
        self._seen: int | None = None  # the revision that what is shown is the difference from

    def wanted(self) -> Edit:
        """UsageError for what means nothing."""
        raise NotImplementedError

    @property
    def versions(self) -> tuple[str, ...]:
        traffic, status = self.cockpit.picture.traffic, self.cockpit.picture.service(self.service)
        return (traffic.versions.get(self.service) if traffic else None) or (status.versions if status else ())

    @property
    def document(self) -> Document:
        traffic = self.cockpit.picture.traffic
        return traffic.policies.get(self.service, {}) if traffic else {}

    def _change(self, *, dry_run: bool) -> Change:
        """It is made only if nothing has changed since it was shown."""
        seen = self._seen if not dry_run else None
        return Change(edits=(self.wanted(),), origin=Origin.TUI, dry_run=dry_run, if_revision=seen)

    @work(exclusive=True, group="preview")
    async def look_ahead(self) -> None:
        """Say what would change; until that is known, nothing about what was wanted before."""
        preview = self.query_one(Preview)
        preview.looking()
        try:
            result = await self.cockpit.control.traffic.change(self._change(dry_run=True))
            self._seen = result.against or None
            preview.result(result)
        except SandboxError as error:
            preview.error(error)

    def action_apply(self) -> None:
        self.call_later(self.carry_out, self._apply)

    def action_try(self) -> None:
        self.call_later(self.carry_out, self._try)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_apply()

    @work(exclusive=True, group="apply")
    async def carry_out(self, order: Callable[[], Awaitable[str]]) -> None:
        """Called later: what fields and sliders have to say of the keys before comes first."""
        try:
            said = await order()
        except PreconditionError:
            self.notify("something else was changed meanwhile: this is the difference now", severity="warning")
            self.look_ahead()
            return
        except SandboxError as error:
            self.query_one(Preview).error(error)
            return
        self.cockpit.hurry()
        self.dismiss(said)

    async def _apply(self) -> str:
        return applied(await self.cockpit.control.traffic.change(self._change(dry_run=False)))

    async def _try(self) -> str:
        await self.cockpit.control.traffic.start_trial(self._change(dry_run=False), TRY_FOR)
        return f"tried for {TRY_FOR:.0f} s, then it goes back by itself; K keeps it, B goes back now"


def applied(result: ChangeResult) -> str:
    if result.revision is None:
        return "nothing to change: it is so already"
    return f"revision {result.revision.number}: {result.revision.summary} · u undoes it"


class FormDialog(SteeringDialog):
    """Presets by a digit, or fields."""

    AUTO_FOCUS = ""  # digits choose at first
    DEFAULT_CSS = f"""
    FormDialog {{
        {DIALOG_CSS}
        Horizontal {{ height: 1; }}
        Horizontal > Static {{ width: 26; }}
        Input {{ background: $panel; width: 1fr; }}
    }}
    """

    def __init__(self, cockpit: Cockpit, service: str, action: EditAction) -> None:
        super().__init__(cockpit, service)
        self._form: Form = FORMS[action]

    def compose(self) -> ComposeResult:
        now = filled(self._form, self.document)
        with Vertical() as box:
            box.border_title = f"{self._form.title} · {self.service}"
            box.border_subtitle = hints("1 … fill in", ("tab fields", "focus_field"), APPLY, TRY, CLOSE)
            yield Static(self._form.help, markup=False)
            names = enumerate((name for name, _ in self._form.presets), start=1)
            yield Static("\n".join(hint(f" {index}  {name}", f"preset({index})") for index, name in names))
            for field in self._form.fields:
                with Horizontal():
                    yield Static(field.label, markup=False)
                    yield Input(now[field.key], placeholder=f"such as {field.example}", compact=True, id=field.key)
            yield Preview()

    def on_mount(self) -> None:
        self.look_ahead()

    def wanted(self) -> Edit:
        texts = {field.key: self.query_one(f"#{field.key}", Input).value for field in self._form.fields}
        return edit(self.service, self._form, texts)

    def on_key(self, event: events.Key) -> None:
        """Digits choose unless they are typed into a field."""
        digit = event.character or ""
        if isinstance(self.focused, Input) or not (digit.isascii() and digit.isdigit()):
            return
        if 1 <= int(digit) <= len(self._form.presets):
            event.stop()
            self.action_preset(int(digit))

    def action_preset(self, number: int) -> None:
        for key, text in preset(self._form, number - 1, self.versions).items():
            self.query_one(f"#{key}", Input).value = text

    def action_focus_field(self) -> None:
        self.focus_next(Input)

    @on(Input.Changed)
    def _changed(self) -> None:
        self.look_ahead()


class WeightsDialog(SteeringDialog):
    """A slider for each version; what one gets, the others lose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j,tab", "app.focus_next", "Next", show=False),
        Binding("up,k,shift+tab", "app.focus_previous", "Before", show=False),
        Binding("ctrl+r", "ramp", "Ramp"),
    ]
    DEFAULT_CSS = f"""
    WeightsDialog {{ {DIALOG_CSS} }}
    """

    def __init__(self, cockpit: Cockpit, service: str) -> None:
        super().__init__(cockpit, service)
        self._weights = weights(self.document, self.versions)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"weights · {self.service}"
            box.border_subtitle = hints("← → or a number", APPLY, TRY, ("ctrl+r ramp", "ramp"), CLOSE)
            if len(self._weights) < 2:
                yield Static(f"{self.service} has one version alone; name more under versions: in sandbox.yaml")
            for version, value in self._weights.items():
                yield Slider(version, value)
            yield Preview()

    def on_mount(self) -> None:
        sliders = self.query(Slider)
        if sliders:
            sliders.last().focus()
            self.look_ahead()

    def wanted(self) -> Edit:
        if len(self._weights) < 2:
            raise UsageError("has one version alone", place=self.service)
        return Edit(service=self.service, action=EditAction.SPLIT, values=dict(self._weights))

    @on(Slider.Changed)
    def _moved(self, message: Slider.Changed) -> None:
        self._weights = weighed(self._weights, message.name, message.value)
        for slider in self.query(Slider):
            slider.value = self._weights[slider.label]
        self.look_ahead()

    def action_ramp(self) -> None:
        """Step by step to the version whose slider has the focus."""
        self.call_later(self.carry_out, self._ramp)

    async def _ramp(self) -> str:
        focused = self.focused
        version = focused.label if isinstance(focused, Slider) else self.versions[-1]
        request = RampRequest(
            service=self.service,
            version=version,
            steps=RAMP,
            every=RAMP_EVERY,
            abort_if=RAMP_ABORT,
            origin=Origin.TUI,
        )
        await self.cockpit.control.traffic.start_ramp(request)
        steps = ", ".join(f"{step} %" for step in RAMP)
        return f"{version} gets {steps}, {RAMP_EVERY:.0f} s each; back at {RAMP_ABORT}; B ends it"


class ClearDialog(SteeringDialog):
    DEFAULT_CSS = f"""
    ClearDialog {{ {DIALOG_CSS} }}
    """

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"clear all rules · {self.service}"
            box.border_subtitle = hints(APPLY, TRY, CLOSE)
            yield Preview()

    def on_mount(self) -> None:
        self.look_ahead()

    def wanted(self) -> Edit:
        return Edit(service=self.service, action=EditAction.CLEAR, values={"what": "all"})


def dialog(cockpit: Cockpit, service: str, action: EditAction) -> SteeringDialog:
    if action is EditAction.SPLIT:
        return WeightsDialog(cockpit, service)
    return ClearDialog(cockpit, service) if action is EditAction.CLEAR else FormDialog(cockpit, service, action)


class SteerMenu(ModalScreen[EditAction | None]):
    """All ways to steer a service."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,x", "dismiss(None)", "Close")]
    DEFAULT_CSS = f"""
    SteerMenu {{ {DIALOG_CSS} & > Vertical {{ width: 60; }} }}
    """

    def __init__(self, service: str, menu: Sequence[tuple[EditAction, str]] = MENU) -> None:
        super().__init__()
        self._service = service
        self._menu = menu

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"steer · {self._service}"
            box.border_subtitle = hints("a digit", CLOSE)
            yield Static(Text("\n".join(f" {number}  {name}" for number, (_, name) in enumerate(self._menu, start=1))))

    def on_key(self, event: events.Key) -> None:
        digit = event.character or ""
        if digit.isascii() and digit.isdigit() and 1 <= int(digit) <= len(self._menu):
            event.stop()
            self.dismiss(self._menu[int(digit) - 1][0])

    def on_click(self, event: events.Click) -> None:
        box = self.query_one(Static).region
        row = event.screen_y - box.y
        if box.contains(event.screen_x, event.screen_y) and row < len(self._menu):
            self.dismiss(self._menu[row][0])
