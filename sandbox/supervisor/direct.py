"""Short conversations over TCP, on bare sockets.

Every instance is asked for its health again and again, and an idle project does little else. Streams would cost several
times as much: on loopback a connection is there, or refused, before anything could be waited for.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable

LONGEST_LINE = 512
"""Bytes of an answer that are read; its first line should be shorter."""

_ON_ITS_WAY = {errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK}
_THERE = {0, errno.EISCONN}


async def knock(host: str, port: int) -> None:
    """Connect, and hang up. OSError when nobody takes it. `host` is an IP address."""
    (await _connected(host, port)).close()


async def first_line(host: str, port: int, question: bytes) -> bytes:
    """What is answered to a short question, up to its first line's end; less when it is longer or broken off. OSError
    when it can't be asked; BrokenOffError when that happens once it is connected."""
    link = await _connected(host, port)
    try:
        link.send(question)
        return await _line(link)
    except OSError as error:
        raise BrokenOffError(error.errno, error.strerror) from error
    finally:
        link.close()


class BrokenOffError(OSError):
    """The connection was there."""


async def _connected(host: str, port: int) -> socket.socket:
    link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        link.setblocking(False)
        if _is_on_its_way(link, host, port) and _is_on_its_way(link, host, port):
            loop = asyncio.get_running_loop()
            await _once(lambda ready: loop.add_writer(link, ready), lambda: loop.remove_writer(link))
            _raise(link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except BaseException:
        link.close()
        raise
    return link


def _is_on_its_way(link: socket.socket, host: str, port: int) -> bool:
    """Asked a second time, the system says how it went so far."""
    found = link.connect_ex((host, port))
    if found in _ON_ITS_WAY:
        return True
    if found not in _THERE:
        _raise(found)
    return False


def _raise(number: int) -> None:
    if number:
        raise OSError(number, os.strerror(number))  # Python makes it a ConnectionRefusedError and the like


async def _line(link: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    found = b""
    while b"\n" not in found and len(found) < LONGEST_LINE:
        await _once(lambda ready: loop.add_reader(link, ready), lambda: loop.remove_reader(link))
        try:
            piece = link.recv(LONGEST_LINE)
        except BlockingIOError:
            continue
        if not piece:
            break
        found += piece
    return found.partition(b"\n")[0]


async def _once(watch: Callable[[Callable[[], None]], None], forget: Callable[[], object]) -> None:
    happened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ready() -> None:
        if not happened.done():
            happened.set_result(None)

    watch(ready)
    try:
        await happened
    finally:
        forget()
