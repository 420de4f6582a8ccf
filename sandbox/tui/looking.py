"""Views for looking only: which actions and keys they do without. Pure.

The other end refuses whatever changes something; here it is only not offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.binding import Binding, BindingType

OF_THE_APP = frozenset(["steer", "undo", "keep", "go_back", "load", "ask_for_down", "order"])
OF_SCREENS = frozenset(["restart", "stop_or_start", "scale", "pause_or_resume", "silence", "sampling"])
"""Actions that change something."""
REFUSED = "read-only: this view is for looking; whoever gave you the link can steer"

_WRITTEN = {"plus": "+", "minus": "-"}

Keys = Sequence[tuple[str, str]]


def changes(action: str) -> bool:
    """As it stands in a screen's binding: "restart", "app.steer('fault')"."""
    name = action.partition("(")[0]
    return name in OF_SCREENS or (name.startswith("app.") and name.removeprefix("app.") in OF_THE_APP)


def changing_keys(of_screen: Iterable[BindingType], of_app: Iterable[BindingType]) -> frozenset[str]:
    """The keys that change something, by their names and as they are written in help."""
    bindings = [(one, one.action) for one in of_screen if isinstance(one, Binding)]
    bindings += [(one, f"app.{one.action}") for one in of_app if isinstance(one, Binding)]
    names = {key.strip() for binding, action in bindings if changes(action) for key in binding.key.split(",")}
    return frozenset(names | {_WRITTEN[name] for name in names if name in _WRITTEN})


def without(keys: Keys, refused: frozenset[str]) -> Keys:
    """What is left of a help text; keys that stand together are told apart by blanks."""
    return [(key, meaning) for key, meaning in keys if not key or not set(key.split()) <= refused]
