"""Packets of Textual's web driver, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.api.cockpit.packets import DATA, MESSAGE, PRELUDE, NoPacketError, Parser, message, packet

PACKETS = st.lists(st.tuples(st.sampled_from([DATA, MESSAGE, b"P"]), st.binary(max_size=300)), max_size=8)


@given(st.binary(max_size=50).filter(lambda noise: PRELUDE[:3] not in noise), PACKETS, st.lists(st.integers(1, 40)))
def test_what_was_written_is_read_whatever_came_before(
    noise: bytes, packets: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    written = noise + PRELUDE + b"".join(packet(*one) for one in packets)
    parser = Parser()
    read: list[tuple[bytes, bytes]] = []
    for cut in cuts:
        read += parser.feed(written[:cut])
        written = written[cut:]
    read += parser.feed(written)
    assert read == packets


def test_a_message_is_json() -> None:
    assert message(type="resize", width=80) == b'M\x00\x00\x00\x1f{"type": "resize", "width": 80}'


def test_what_is_no_packet_is_no_reason_to_keep_it() -> None:
    parser = Parser()
    assert list(parser.feed(PRELUDE)) == []
    with pytest.raises(NoPacketError):
        list(parser.feed(b"D\xff\xff\xff\xff"))
