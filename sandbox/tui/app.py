"""The terminal UI as an application. Where it starts and how it ends."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from sandbox.tui.screens.main import MainScreen, Steered

THEMES = ("textual-dark", "textual-light", "ansi-dark", "ansi-light")
"""What `t` goes through; the last two use the terminal's own colours. NO_COLOR is honoured with each."""


class TuiResult(Enum):
    """How the user left. Everything still runs; with DOWN they asked for its end, which is the caller's to bring."""

    QUIT = "quit"
    DOWN = "down"


class SandboxApp(App[TuiResult]):
    TITLE = "sandbox"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    ToastRack { margin-bottom: 2; }
    Toast { width: auto; max-width: 60; padding: 0 1; margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "next_theme", "theme", show=False),
        Binding("ctrl+c", "leave", "quit", show=False, priority=True),
    ]

    def __init__(self, control: Steered) -> None:
        super().__init__()
        self._control = control

    def get_default_screen(self) -> MainScreen:
        return MainScreen(self._control)

    def action_next_theme(self) -> None:
        known = THEMES.index(self.theme) if self.theme in THEMES else -1
        self.theme = THEMES[(known + 1) % len(THEMES)]

    def action_leave(self) -> None:
        self.exit(TuiResult.QUIT)

    def action_down(self) -> None:
        self.exit(TuiResult.DOWN)


async def run_tui(control: Steered) -> TuiResult:
    """Show the project until the user leaves. Stops nothing itself."""
    return await SandboxApp(control).run_async() or TuiResult.QUIT
