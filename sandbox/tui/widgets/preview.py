"""What a change would change, before it does."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.control import ChangeResult, Rerouted
from sandbox.errors import ConfigError, SandboxError
from sandbox.tui.rules import diff_lines, finding_lines
from sandbox.tui.widgets.detail import Detail
from sandbox.tui.words import Tone

Said = tuple[str, Tone]


class Preview(Detail):
    """The difference in sandbox.yaml's words, what is to be known about it, and which requests would move."""

    DEFAULT_CSS = """
    Preview { max-height: 16; min-height: 3; }
    """

    def looking(self) -> None:
        self.say("what would change", [("…", Tone.OFF)])

    def result(self, result: ChangeResult) -> None:
        if not result.diff:
            self.say("what would change", [("nothing: it is so already", Tone.OFF)])
            return
        lines: list[Said] = [*finding_lines(result.findings), *diff_lines(result.diff)]
        self.say("what would change", [*lines, *moved(result.what_if)])

    def error(self, error: SandboxError) -> None:
        self.say("can't be", error_lines(error))


def moved(what_if: Rerouted | None) -> list[Said]:
    if what_if is None or not what_if.requests:
        return []
    head = f"of the last {what_if.requests} requests"
    if not what_if.moved:
        return [(f"{head}, none would have gone elsewhere", Tone.OFF)]
    return [(f"{head}, {count} would have gone from {a} to {b}", Tone.BUSY) for a, b, count in what_if.moved]


def error_lines(error: SandboxError) -> Sequence[Said]:
    if isinstance(error, ConfigError):
        return [(f"✗ {one.message}{f' → {one.hint}' if one.hint else ''}", Tone.BAD) for one in error.problems]
    return [(f"✗ {error}", Tone.BAD), *([(f"→ {error.hint}", Tone.PLAIN)] if error.hint else [])]
