"""How the screen is coloured: dark, light, high contrast, without colours, and in the terminal's own colours."""

from __future__ import annotations

from textual.theme import Theme

HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#5FAFFF",
    secondary="#FFAFFF",
    warning="#FFFF00",
    error="#FF5F5F",
    success="#00FF00",
    accent="#00FFFF",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#1C1C1C",
    text_alpha=1.0,
    variables={"text-muted": "#E0E0E0"},
)

NO_COLOUR = Theme(
    name="no-colour",
    primary="#808080",
    secondary="#A0A0A0",
    warning="#909090",
    error="#B0B0B0",
    success="#C0C0C0",
    accent="#B0B0B0",
    foreground="#E0E0E0",
    background="#101010",
    surface="#101010",
    panel="#242424",
)

OWN = (HIGH_CONTRAST, NO_COLOUR)
THEMES = ("textual-dark", "textual-light", "high-contrast", "no-colour", "ansi-dark", "ansi-light")
"""What `t` goes through; the last two use the terminal's own colours. NO_COLOR is honoured with each."""


def following(theme: str) -> str:
    known = THEMES.index(theme) if theme in THEMES else -1
    return THEMES[(known + 1) % len(THEMES)]
