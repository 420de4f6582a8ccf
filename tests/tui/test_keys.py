"""The keys that the README and the help name are bound, on the screen that they are named for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from textual.app import App
from textual.binding import Binding

from sandbox.tui.app import SandboxApp
from sandbox.tui.going import SCREENS
from sandbox.tui.screens.base import EVERYWHERE, CockpitScreen
from sandbox.tui.screens.edge import EdgeScreen
from sandbox.tui.screens.service import ServiceScreen
from sandbox.tui.screens.trace import TraceScreen
from sandbox.tui.widgets.graph import GraphView
from sandbox.tui.widgets.grid import Grid
from sandbox.tui.widgets.logpane import LogPane

README = Path(__file__).parents[2] / "README.md"
ALL: tuple[type[CockpitScreen], ...] = (*SCREENS.values(), ServiceScreen, EdgeScreen, TraceScreen)
NAMES = {
    "/": "slash",
    "?": "question_mark",
    "!": "exclamation_mark",
    "+": "plus",
    "-": "minus",
    "<": "less_than_sign",
    ">": "greater_than_sign",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "↑": "up",
    "↓": "down",
    "←": "left",
    "→": "right",
    "pgup": "pageup",
    "esc": "escape",
}
NO_KEYS = {"…", "lines", "bars"}


def bound(*kinds: type) -> set[str]:
    bindings = [one for kind in kinds for base in kind.__mro__ for one in vars(base).get("BINDINGS", ())]
    keys = {key.strip() for one in bindings if isinstance(one, Binding) for key in one.key.split(",")}
    return keys | {"ctrl+p" if App.COMMAND_PALETTE_BINDING == "ctrl+p" else ""}


def named(keys: Iterable[str]) -> set[str]:
    return {NAMES.get(key, key) for key in keys if key not in NO_KEYS}


def readme_keys() -> set[str]:
    """Of the table under the cockpit's heading."""
    section = README.read_text().partition("## The cockpit")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return named(key for row in rows for key in re.findall(r"`([^`]+)`", row))


def test_the_keys_of_the_readme_are_bound() -> None:
    found = readme_keys()

    assert {"1", "8", "y", "u", "slash"} <= found, "the table was found"
    assert found <= bound(*ALL, SandboxApp)


@pytest.mark.parametrize("screen", ALL, ids=lambda screen: screen.__name__)
def test_the_keys_of_the_help_are_bound(screen: type[CockpitScreen]) -> None:
    told = named(key for keys, _ in (*screen.KEYS, *EVERYWHERE) for key in keys.split())

    assert told <= bound(screen, SandboxApp, Grid, LogPane, GraphView)


@pytest.mark.parametrize("screen", ALL, ids=lambda screen: screen.__name__)
def test_the_help_tells_every_key_of_its_screen(screen: type[CockpitScreen]) -> None:
    told = named(key for keys, _ in (*screen.KEYS, *EVERYWHERE) for key in keys.split())

    for binding in vars(screen).get("BINDINGS", ()):
        assert isinstance(binding, Binding)
        assert told & {key.strip() for key in binding.key.split(",")}, binding
