"""Which lines of the logs somebody wants to see."""

from __future__ import annotations

from sandbox.control import LogLine, LogQuery
from sandbox.errors import UsageError
from sandbox.runtime.logtext import without_colours


class Wanted:
    """What a query asks of each line by itself. UsageError when its expression is none."""

    def __init__(self, query: LogQuery) -> None:
        self._since = query.since
        self._until = query.until
        self._levels = frozenset(query.levels)
        self._trace = query.trace.lower() if query.trace else None
        self._expression = query.grep or None
        if self._expression is not None:
            _check(self._expression)

    @property
    def is_picky(self) -> bool:
        """Whether a line that is in time may be unwanted, which only reading it tells."""
        return bool(self._levels or self._trace is not None or self._expression is not None)

    def fits(self, line: LogLine) -> bool:
        return (
            (self._since is None or line.at >= self._since)
            and (self._until is None or line.at <= self._until)
            and (not self._levels or line.level in self._levels)
            and (self._trace is None or (line.trace is not None and line.trace.startswith(self._trace)))
            and (self._expression is None or _is_in(self._expression, without_colours(line.text)))
        )


def _check(expression: str) -> None:
    from sandbox.model.regex import BadExpression, check

    try:
        check(expression)
    except BadExpression as error:
        raise UsageError(f"is no regular expression: {error}", place="grep", hint="the syntax is RE2's") from None


def _is_in(expression: str, text: str) -> bool:
    from sandbox.model.regex import finds

    return finds(expression, text)
