"""Servers and clients of protocols other than HTTP, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from sandbox.model import AppProtocol, Port
from sandbox.proxy.topology import Address
from tests.proxy.mesh import LOOPBACK, free_port

GRPC = (Port(number=50051, protocol=AppProtocol.GRPC),)
TCP = (Port(number=5432, protocol=AppProtocol.TCP),)


@asynccontextmanager
async def greeting() -> AsyncIterator[Address]:
    """A gRPC server."""

    async def greet(request: bytes, context: Any) -> bytes:
        return b"hello " + request

    handler = grpc.method_handlers_generic_handler("Greeter", {"Greet": grpc.unary_unary_rpc_method_handler(greet)})
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    await server.start()
    yield Address(LOOPBACK, port)
    await server.stop(None)


async def greet(address: Address, authority: str | None = None) -> bytes:
    options = [("grpc.default_authority", authority)] if authority else None
    async with grpc.aio.insecure_channel(str(address), options) as channel:
        answer: bytes = await channel.unary_unary("/Greeter/Greet")(b"you", timeout=5)
        return answer


@asynccontextmanager
async def talker(word: bytes) -> AsyncIterator[Address]:
    """A TCP server that says a word to whoever comes, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(word)
        writer.close()
        await writer.wait_closed()

    address = Address(LOOPBACK, free_port())
    async with await asyncio.start_server(talk, address.host, address.port):
        yield address


@asynccontextmanager
async def connection(
    address: Address, source: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    local = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(address.host, address.port, local_addr=local)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def said(address: Address, source: str | None = None) -> bytes:
    async with connection(address, source) as (reader, _):
        return await reader.read()
