"""The tones as component classes of a widget, so that every theme colours them in its own way."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget

from sandbox.tui.words import Tone

TONE_CLASSES = frozenset(f"tone--{tone}" for tone in Tone)

TONE_CSS = """
    & > .tone--plain { color: $foreground; }
    & > .tone--good { color: $text-success; }
    & > .tone--busy { color: $text-warning; }
    & > .tone--bad { color: $text-error; text-style: bold; }
    & > .tone--off { color: $foreground; text-style: dim; }
    & > .tone--strong { color: $foreground; text-style: bold; }
"""
"""To be put into a widget's DEFAULT_CSS, inside its rule. `$text-muted` would be plain white here: it is a degree of
transparency, which a style without a background can't have."""


def tone_style(widget: Widget, tone: Tone) -> Style:
    return widget.get_component_rich_style(f"tone--{tone}", partial=True)
