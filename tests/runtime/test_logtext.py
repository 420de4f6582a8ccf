from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runtime.logtext import clean


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain", "plain"),
        ("Gr\u00fc\u00dfe \u2713".encode(), "Gr\u00fc\u00dfe \u2713"),
        (b"tab\there", "tab\there"),
        (b"windows\r", "windows"),
        (b"10%\r20%", "10% 20%"),
        (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        (b"\x1b[2J\x1b[Hclear", "clear"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b]0;never ended", ""),
        (b"\x1bPdcs\x1b\\after", "after"),
        (b"\x1b7save\x1b8", "save"),
        (b"\x1b(Bcharset", "charset"),
        (b"bell\x07 null\x00 back\x08", "bell null back"),
        (b"cut \x1b[3", "cut "),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\xc2\x9b31mC1", "C1"),
    ],
)
def test_what_is_shown(raw: bytes, shown: str) -> None:
    assert clean(raw) == shown


@given(st.binary(max_size=200))
def test_nothing_but_colours_controls_the_terminal(raw: bytes) -> None:
    rest = re.sub(r"\x1b\[[0-9;:]*m", "", clean(raw))
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", rest)
