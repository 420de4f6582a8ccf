"""Lines of JSON with bounds, and fields read from them without trust."""

from __future__ import annotations

import json
from typing import Any

LONGEST_MESSAGE = 4 * 1024 * 1024
"""Bytes in one order. Linux allows 2 MiB of arguments and environment together."""

LONGEST_ANSWER = 8 * LONGEST_MESSAGE
"""A list holds the environments of all processes."""

Message = dict[str, Any]


class OrderError(Exception):
    """An order that can't be carried out. `code` is an errno's name or a word of ours."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LineBuffer:
    """Cuts what arrives into lines."""

    def __init__(self, longest: int = LONGEST_MESSAGE) -> None:
        self._rest = bytearray()
        self._longest = longest

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are now complete. OrderError when one is longer than allowed."""
        self._rest += data
        lines: list[bytes] = []
        if b"\n" in data:
            *lines, rest = bytes(self._rest).split(b"\n")
            self._rest = bytearray(rest)
        if len(self._rest) > self._longest or any(len(line) > self._longest for line in lines):
            raise OrderError("too_long", f"a message is longer than {self._longest} bytes")
        return lines


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """OrderError when it is not a JSON object."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise OrderError("bad_order", f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise OrderError("bad_order", "not an object")
    return message


def text(message: Message, key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise OrderError("bad_order", f"{key} must be text")
    return value


def texts(message: Message, key: str) -> list[str]:
    value = message.get(key)
    if not isinstance(value, list) or not value or not all(_is_word(word) for word in value):
        raise OrderError("bad_order", f"{key} must be a list of texts")
    return value


def mapping(message: Message, key: str) -> dict[str, str]:
    value = message.get(key)
    if not isinstance(value, dict) or not all(_is_variable(name, word) for name, word in value.items()):
        raise OrderError("bad_order", f"{key} must map names to texts")
    return value


def number(message: Message, key: str, *, least: float, most: float) -> float:
    value = message.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise OrderError("bad_order", f"{key} must be a number from {least:g} to {most:g}")
    return value


def _is_word(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_variable(name: object, value: object) -> bool:
    return _is_word(value) and isinstance(name, str) and bool(name) and "=" not in name and "\0" not in name
