"""Keys as they are named on screen, where the mouse can press them too. Pure."""

from __future__ import annotations

from textual.markup import escape


def hint(text: str, action: str) -> str:
    """Markup of a text that does, when it is clicked, what its key does. action: of the screen in front."""
    return f"[@click=screen.{action}]{escape(text)}[/]"


def hints(*parts: str | tuple[str, str]) -> str:
    """A line of them; what has no action is text alone."""
    return " · ".join(escape(part) if isinstance(part, str) else hint(*part) for part in parts)


CLOSE = ("esc", "dismiss(None)")
