"""Headers as people type them."""

from __future__ import annotations

import pytest

from sandbox.cli.headers import header_of
from sandbox.errors import UsageError


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("x-user: me", ("x-user", "me")),
        ("x-user:me", ("x-user", "me")),
        ("x-user=me", ("x-user", "me")),
        (" X-User =  me too ", ("X-User", "me too")),
        ("x-url=http://shop:80/?a=b", ("x-url", "http://shop:80/?a=b")),
        ("cookie: a=b; c=d", ("cookie", "a=b; c=d")),
        ("x-empty:", ("x-empty", "")),
    ],
)
def test_a_name_and_a_value(text: str, header: tuple[str, str]) -> None:
    assert header_of(text) == header


@pytest.mark.parametrize("text", ["nothing", ":me", "=", "", "two words: me", "x-user: me\nx-other: you", "x: a\rb"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="is no header"):
        header_of(text)
