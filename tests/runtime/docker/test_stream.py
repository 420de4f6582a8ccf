"""Messages in the engine's endless answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.runtime.docker.stream import STDERR, STDOUT, Message, split

MESSAGES = st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=300)), max_size=12)


def framed(message: Message) -> bytes:
    output, text = message
    return bytes([output, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


@given(MESSAGES, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_messages_come_whole_however_they_are_cut(messages: list[Message], sizes: list[int]) -> None:
    data, found, rest = b"".join(map(framed, messages)), [], b""
    position, turn = 0, 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        more, rest = split(rest + data[position : position + size])
        found += more
        position, turn = position + size, turn + 1
    assert (found, rest) == (messages, b"")


@given(MESSAGES, st.binary(min_size=1, max_size=50), st.integers(1, 50))
def test_what_is_incomplete_is_kept(messages: list[Message], last: bytes, missing: int) -> None:
    cut = framed((STDERR, last))[: -min(missing, len(last))]
    assert split(b"".join(map(framed, messages)) + cut) == (messages, cut)
