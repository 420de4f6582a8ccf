"""Incremental ADS over a Unix socket, or over TCP with a token: gRPC in front of `subscription`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol

import grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from envoy.service.discovery.v3.discovery_pb2 import Resource as DiscoveryResource
from google.protobuf.any_pb2 import Any as AnyMessage

from sandbox.proxy.bearer import HEADER, Guarded
from sandbox.proxy.reports import Reports, handlers
from sandbox.proxy.resource import Kind
from sandbox.proxy.subscription import Rejection, Request, Response, Session
from sandbox.proxy.topology import Address

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_UNLIMITED = -1
_OPTIONS = [("grpc.max_send_message_length", _UNLIMITED), ("grpc.max_receive_message_length", _UNLIMITED)]
# Two servers must not share a port unknowingly; and a container that is gone may leave its connection open for good.
# (Without a ping timeout of its own, gRPC waits a minute whatever the keepalive says.)
_TCP_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
]


class Sessions(Protocol):
    """Who decides what the streams are told."""

    def opened(self, outgoing: asyncio.Event) -> Session:
        """A client connected; setting `outgoing` makes the stream send what the session has to say."""
        ...

    def heard(self, rejection: Rejection | None) -> None:
        """A client said something: a rejection, or anything else."""
        ...

    def closed(self, session: Session) -> None: ...


class AdsServer:
    """Serves `sessions` at `where` from `start` to `close`. Port 0 is any free one: `address` then tells which."""

    def __init__(self, where: Path | Guarded, sessions: Sessions, reports: Reports) -> None:
        self._where = where
        self._sessions = sessions
        self._reports = reports
        self._server: Any = None
        self.address: Address | None = None  # where it listens for TCP

    async def start(self) -> None:
        match self._where:
            case Path() as socket:
                socket.unlink(missing_ok=True)
                await self._serve(f"unix:{socket}", _OPTIONS)
                socket.chmod(0o600)
            case Guarded(address):
                port = await self._serve(str(address), [*_OPTIONS, *_TCP_OPTIONS])
                self.address = Address(address.host, port)

    async def close(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None
        if isinstance(self._where, Path):
            self._where.unlink(missing_ok=True)

    async def _serve(self, target: str, options: list[tuple[str, int]]) -> int:
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((self._handlers(), *handlers(self._reports, self._check_token)))
        port: int = self._server.add_insecure_port(target)
        await self._server.start()
        return port

    def _handlers(self) -> Any:
        delta = grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=DeltaDiscoveryRequest.FromString,
            response_serializer=DeltaDiscoveryResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(_SERVICE, {"DeltaAggregatedResources": delta})

    async def _stream(self, _requests: Any, context: Any) -> None:
        """One client, as long as it stays connected."""
        await self._check_token(context)
        outgoing = asyncio.Event()
        session = self._sessions.opened(outgoing)
        try:
            async with asyncio.TaskGroup() as both:
                writer = both.create_task(_write(session, outgoing, context))
                await self._read(session, outgoing, context)
                writer.cancel()
        finally:
            self._sessions.closed(session)

    async def _check_token(self, context: Any) -> None:
        """A socket's mode keeps others out already."""
        if isinstance(self._where, Guarded):
            given = (value for key, value in context.invocation_metadata() or () if key == HEADER)
            if not any(self._where.admits(value) for value in given):
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "this control plane is not for you")

    async def _read(self, session: Session, outgoing: asyncio.Event, context: Any) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            if (kind := _kind(message.type_url)) is None:
                continue
            self._sessions.heard(session[kind].receive(_request(message)))
            outgoing.set()


async def _write(session: Session, outgoing: asyncio.Event, context: Any) -> None:
    while True:
        await outgoing.wait()
        outgoing.clear()
        for response in session.responses():
            await context.write(_message(response))


def _kind(type_url: str) -> Kind | None:
    try:
        return Kind(type_url)
    except ValueError:
        return None


def _request(message: DeltaDiscoveryRequest) -> Request:
    return Request(
        subscribe=tuple(message.resource_names_subscribe),
        unsubscribe=tuple(message.resource_names_unsubscribe),
        initial=dict(message.initial_resource_versions),
        nonce=message.response_nonce,
        error=message.error_detail.message if message.HasField("error_detail") else None,
    )


def _message(response: Response) -> DeltaDiscoveryResponse:
    type_url = response.kind.value
    return DeltaDiscoveryResponse(
        type_url=type_url,
        nonce=response.nonce,
        removed_resources=response.removed,
        resources=[
            DiscoveryResource(
                name=one.name, version=one.version, resource=AnyMessage(type_url=type_url, value=one.body)
            )
            for one in response.resources
        ],
    )
