"""A command as text to words, with a shell only where the text needs one."""

from __future__ import annotations

import re
import shlex

SHELL = ("/bin/sh", "-c")

LONGEST = 64 * 1024
"""Characters of a command; Linux takes 128 KiB in one argument (MAX_ARG_STRLEN)."""

# What the runtime puts in itself when an instance starts.
_ADDRESS = re.compile(r"\$(?:\{(?:PORT|HOST|PORT_[0-9]+)\}|(?:PORT_[0-9]+|PORT|HOST)(?![A-Za-z0-9_]))", re.ASCII)
_QUOTED = re.compile(r"""\\.|'[^']*'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
_EXPANSION = re.compile(r"[$`*?\[~]")
_OPERATOR = re.compile(r"[|&;()\n]")
_REDIRECT = re.compile(r"[<>]")
_ASSIGNMENT = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)


def split_command(text: str, *, has_addresses: bool = True) -> tuple[str, ...]:
    """The words of a command; `/bin/sh -c` in front where it has pipes, `&&`, variables and the like.

    has_addresses: whether $PORT and $HOST are put in later, so that they need no shell. ValueError, with a reason, when
    it is empty, too long, or has an open quote.
    """
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST // 1024} KiB")
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError("a quote is not closed") from None
    if not words:
        raise ValueError("is empty")
    bare = _unquoted(_ADDRESS.sub("", text) if has_addresses else text)
    if not (_needs_shell(bare) or _ASSIGNMENT.match(text)):
        return tuple(words)
    # A simple command takes the shell's place, so that signals reach it.
    is_simple = not _OPERATOR.search(bare) and not _ASSIGNMENT.match(text)
    return (*SHELL, f"exec {text}" if is_simple else text)


def _needs_shell(bare: str) -> bool:
    return any(pattern.search(bare) for pattern in (_EXPANSION, _OPERATOR, _REDIRECT))


def _unquoted(text: str) -> str:
    """What a shell would look at: text outside quotes, and variables inside double quotes."""
    return _QUOTED.sub(lambda quote: "".join(re.findall(r"[$`]", re.sub(r"\\.", "", quote[1] or ""))), text)
