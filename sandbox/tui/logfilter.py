"""Which log lines are wanted, and what a line says about itself: its level, the trace it belongs to. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from sandbox.control import LogLine
from sandbox.errors import UsageError

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_LEVEL = re.compile(
    r"\b(?:(?P<error>FATAL|CRITICAL|PANIC|ERROR|ERR|SEVERE|EMERG|ALERT|Traceback|Exception)"
    r"|(?P<warning>WARNING|WARN)|(?P<info>INFO|NOTICE)|(?P<debug>DEBUG|TRACE))\b"
    r"|\"?level\"?\s*[=:]\s*\"?(?P<word>[A-Za-z]+)"
)
_FAILED_REQUEST = re.compile(r'" ([45])\d\d\b|\s(5)\d\d\s')
_TRACE = re.compile(r"(?<![0-9a-f])(?:00-)?([0-9a-f]{32})(?![0-9a-f])", re.IGNORECASE)
_HEAD = 400
"""Characters of a line in which its level is looked for."""


class Level(IntEnum):
    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


_WORDS = {
    "trace": Level.DEBUG,
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "notice": Level.INFO,
    "warn": Level.WARNING,
    "warning": Level.WARNING,
    "error": Level.ERROR,
    "err": Level.ERROR,
    "critical": Level.ERROR,
    "fatal": Level.ERROR,
    "panic": Level.ERROR,
}


def plain(text: str) -> str:
    """Without colours."""
    return _COLOURS.sub("", text) if "\x1b" in text else text


def level(text: str) -> Level:
    """By the first word of a level in it, or a status of HTTP; what says nothing is information."""
    found = _LEVEL.search(text, 0, _HEAD)
    if found:
        if word := found["word"]:
            return _WORDS.get(word.lower(), Level.INFO)
        return next(Level[name.upper()] for name in ("error", "warning", "info", "debug") if found[name])
    if failed := _FAILED_REQUEST.search(text, 0, _HEAD):
        return Level.ERROR if "5" in failed.groups() else Level.WARNING
    return Level.INFO


def trace_of(text: str) -> str | None:
    """The id of the trace that a line names: 32 hex digits, alone or in a traceparent (W3C Trace Context)."""
    found = _TRACE.search(text)
    return found[1].lower() if found and set(found[1]) != {"0"} else None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Each part narrows; the default is everything. least: of this level or above it."""

    text: str = ""
    regex: bool = False
    least: Level = Level.DEBUG
    services: frozenset[str] = frozenset()
    trace: str = ""
    span: tuple[float, float] | None = None  # of time, seconds since the epoch
    _finds: Callable[[str], object] | None = field(default=None, compare=False, repr=False)

    @property
    def is_everything(self) -> bool:
        return not (self.text or self.least or self.services or self.trace or self.span)

    def wants(self, line: LogLine) -> bool:
        if self.services and line.service not in self.services:
            return False
        if self.span and not self.span[0] <= line.at <= self.span[1]:
            return False
        if self.trace and self.trace not in line.text.lower():
            return False
        if self._finds is not None and not self._finds(plain(line.text)):
            return False
        return not self.least or level(line.text) >= self.least


EVERYTHING = LogFilter()


def log_filter(
    text: str = "",
    *,
    regex: bool = False,
    least: Level = Level.DEBUG,
    services: frozenset[str] = frozenset(),
    trace: str = "",
    span: tuple[float, float] | None = None,
) -> LogFilter:
    """Text is looked for in any case unless it has capitals. UsageError for an expression that is not valid."""
    finds: Callable[[str], object] | None = None
    if text:
        try:
            finds = pattern(text, regex).search
        except re.error as error:
            raise UsageError(f"not a regular expression: {error}", place=text) from None
    return LogFilter(text, regex, least, services, trace, span, finds)


def pattern(text: str, regex: bool) -> re.Pattern[str]:
    return re.compile(text if regex else re.escape(text), re.IGNORECASE if text == text.lower() else 0)
