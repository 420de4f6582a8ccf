"""One line of text in a tone, with something to say at its right end."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import RenderResult
from textual.reactive import reactive
from textual.widget import Widget

from sandbox.control import ProjectStatus
from sandbox.tui.palette import TONE_CLASSES, TONE_CSS, tone_style
from sandbox.tui.words import header, overall


class Headline(Widget):
    """Which project this is, where it is reached, and how it fares."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(TONE_CLASSES)
    DEFAULT_CSS = f"""
    Headline {{
        height: 1;
        padding: 0 1;
        background: $panel;
        {TONE_CSS}
    }}
    """

    status: reactive[ProjectStatus | None] = reactive(None)
    firing: reactive[int] = reactive(0)
    failing: reactive[int] = reactive(0)
    looks_only: reactive[bool] = reactive(False)

    def render(self) -> RenderResult:
        if self.status is None:
            return Text("sandbox · asking the supervisor…", style="bold")
        health, tone = overall(self.status, self.firing, self.failing)
        if self.looks_only:
            health = f"read-only · {health}"
        room = self.content_size.width - len(health)
        left = header(self.status, room - 2)
        name = len(self.status.project)
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(left[:name], style="bold").append(left[name:]).append(" " * max(2, room - len(left)))
        return text.append(health, style=tone_style(self, tone))
