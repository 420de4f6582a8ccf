"""Conversations with real sockets, quick and slow ones."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from sandbox.supervisor.direct import LONGEST_LINE, BrokenOffError, first_line, knock

LOOPBACK = "127.0.0.1"
PATIENCE = 10.0


@contextmanager
def served(talk: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port where one caller is talked to."""
    with socket.create_server((LOOPBACK, 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as link:
                talk(link)

        serving = threading.Thread(target=serve)
        serving.start()
        yield listening.getsockname()[1]
        serving.join(PATIENCE)


def a_free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listening:
        return int(listening.getsockname()[1])


async def test_who_listens_is_knocked_at() -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        await knock(*listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.recv(1) == b""


async def test_by_ipv6_as_well() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        await knock("::1", listening.getsockname()[1])


async def test_nobody_who_listens_is_a_refused_connection() -> None:
    port = a_free_port()
    for talk in (knock(LOOPBACK, port), first_line(LOOPBACK, port, b"x")):
        with pytest.raises(ConnectionRefusedError):
            await talk


async def test_who_does_not_take_the_connection_is_waited_for() -> None:
    """A listener whose queue is full leaves a caller without any answer."""
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(2)]
        try:
            for caller in waiting:
                caller.setblocking(False)
                caller.connect_ex(listening.getsockname())
            knocking = asyncio.ensure_future(knock(*listening.getsockname()))
            done, _ = await asyncio.wait([knocking], timeout=0.05)
            assert not done
            knocking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await knocking
        finally:
            for caller in waiting:
                caller.close()


async def test_an_answer_in_pieces_is_read_to_the_end_of_its_line() -> None:
    def slowly(link: socket.socket) -> None:
        assert link.recv(100) == b"well?\n"
        for piece in (b"I am ", b"well\nand", b" more"):
            link.send(piece)
            time.sleep(0.01)

    with served(slowly) as port:
        async with asyncio.timeout(PATIENCE):
            assert await first_line(LOOPBACK, port, b"well?\n") == b"I am well"


async def test_no_more_than_a_line_s_worth_is_read() -> None:
    def endlessly(link: socket.socket) -> None:
        link.recv(100)
        with suppress(OSError):
            link.sendall(b"x" * 10 * LONGEST_LINE)

    with served(endlessly) as port:
        async with asyncio.timeout(PATIENCE):
            assert len(await first_line(LOOPBACK, port, b"well?\n")) < 2 * LONGEST_LINE


async def test_an_answer_that_breaks_off_is_what_came() -> None:
    def short(link: socket.socket) -> None:
        link.recv(100)
        link.send(b"I am")

    with served(short) as port:
        async with asyncio.timeout(PATIENCE):
            assert await first_line(LOOPBACK, port, b"well?\n") == b"I am"


async def test_a_connection_that_is_cut_says_that_it_was_there() -> None:
    def cut(link: socket.socket) -> None:
        link.recv(100)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with served(cut) as port:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(BrokenOffError, match="reset"):
                await first_line(LOOPBACK, port, b"well?\n")
