"""Requests from outside, through a real Envoy."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from aiohttp import WSMsgType, web

from sandbox.model import Port
from sandbox.proxy.topology import Address, Published
from tests.proxy.mesh import LOOPBACK, Mesh, a_service, free_port


@pytest.fixture
async def shop(mesh: Mesh) -> Mesh:
    """Two public services and a private one, an instance each."""
    mesh.declare(a_service("store", public=True), a_service("admin", public=True), a_service("orders"))
    for name in ("store", "admin", "orders"):
        mesh.instances(name, await mesh.upstream(name))
    await mesh.apply()
    return mesh


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("store.localhost", "store"),
        ("admin.localhost", "admin"),
        ("ADMIN.localhost:8080", "admin"),
        ("localhost:8080", "store"),
        ("192.0.2.7", "store"),
        ("anything.example", "store"),
    ],
)
async def test_the_host_chooses_the_service(shop: Mesh, host: str, answers: str) -> None:
    assert (await shop.get(shop.gateway, headers={"Host": host})).name == answers


async def test_a_private_service_is_not_answered_for_and_the_answer_says_why(shop: Mesh) -> None:
    answer = await shop.get(shop.gateway, headers={"Host": "orders.localhost"})
    assert answer.status == 404
    assert "orders.localhost is a service of this project, but not a public one" in answer.text
    assert f"http://store.localhost:{shop.gateway.port}/, http://admin.localhost" in answer.text


async def test_an_unknown_name_is_not_answered_for(shop: Mesh) -> None:
    answer = await shop.get(shop.gateway, headers={"Host": "nope.localhost:8080"})
    assert (answer.status, answer.text.split(".")[0]) == (404, "sandbox: there is no service for nope")


async def test_without_a_public_service_every_host_is_told_how_to_get_one(mesh: Mesh) -> None:
    mesh.declare(a_service("orders"))
    await mesh.apply()
    answer = await mesh.get(mesh.gateway)
    assert (answer.status, answer.text) == (
        404,
        "sandbox: no service is public. Set `public: true` on one in sandbox.yaml.\n",
    )


async def test_the_service_sees_the_request_as_it_was_sent(shop: Mesh) -> None:
    sent = {
        "Host": "store.localhost:8080",
        "X-MiXed-Case": "kept",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "x-request-id": "8b6b4a1e-6c9b-4d63-9a60-0f6d7bb6ff3b",
        "x-sandbox-caller": "forged",
    }
    answer = await shop.get(shop.gateway, "/a//b/../c%2Fd?x=%20&y", headers=sent)
    assert json.loads(answer.body)["path"] == "/a//b/../c%2Fd?x=%20&y"
    for header in ("Host", "X-MiXed-Case", "x-request-id"):
        assert answer.seen(header) == [sent[header]]
    assert answer.seen("x-sandbox-caller") == answer.seen("x-client-trace-id") == []
    version, trace, span, flags = answer.seen("traceparent")[0].split("-")
    assert (version, trace, flags) == ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "01")
    assert span != "00f067aa0ba902b7"  # but the proxy's, which is between the two


async def test_it_adds_who_asked_and_a_request_id(shop: Mesh) -> None:
    answer = await shop.get(shop.gateway, headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.seen("X-Forwarded-For") == ["203.0.113.9,127.0.0.1"]
    seen = {key.lower() for key, _ in json.loads(answer.body)["headers"]}
    assert "x-request-id" in seen
    assert not {header for header in seen if header.startswith("x-envoy-")}


async def test_large_headers_and_bodies_pass(shop: Mesh) -> None:
    answer = await shop.get(shop.gateway, headers={"X-Large": "x" * 60 * 1024})
    assert answer.status == 200
    answer = await shop.request("POST", shop.gateway, data=BytesIO(b"x" * 10_000_000))
    assert json.loads(answer.body)["size"] == 10_000_000


async def test_the_server_header_is_the_services_own(mesh: Mesh) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Server": "mine", "X-ODD": "1"})

    mesh.declare(a_service("store", public=True))
    mesh.instances("store", await mesh.upstream("store", handler))
    await mesh.apply()
    headers = (await mesh.get(mesh.gateway)).headers
    assert (headers["Server"], headers["X-ODD"]) == ("mine", "1")
    assert not [name for name in headers if name.lower().startswith("x-envoy")]


async def test_websockets_pass(mesh: Mesh) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"heard {message.data}")
        return socket

    mesh.declare(a_service("store", public=True))
    mesh.instances("store", await mesh.upstream("store", handler))
    await mesh.apply()
    async with mesh.http.ws_connect(f"http://{mesh.gateway}/ws") as socket:
        await socket.send_str("hello")
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (WSMsgType.TEXT, "heard hello")


async def test_a_published_port_leads_to_its_service(mesh: Mesh) -> None:
    bind = Address(LOOPBACK, free_port())
    mesh.declare(
        a_service("orders", ports=(Port(number=8000, published=bind.port),)),
        published=(Published(service="orders", port=8000, bind=bind),),
    )
    mesh.instances("orders", await mesh.upstream("orders"))
    await mesh.apply()
    assert (await mesh.get(bind)).name == "orders"


async def test_a_service_without_instances_is_explained(mesh: Mesh) -> None:
    mesh.declare(a_service("store", public=True))
    await mesh.apply()
    answer = await mesh.get(mesh.gateway)
    assert (answer.status, answer.text) == (503, "sandbox: store (v1) has no ready instance. Try: sandbox why store\n")
    assert answer.headers["x-sandbox-reason"] == "UH"


async def test_an_instance_that_is_gone_is_explained(mesh: Mesh) -> None:
    mesh.declare(a_service("store", public=True))
    mesh.instances("store", Address(LOOPBACK, free_port()))
    await mesh.apply()
    answer = await mesh.get(mesh.gateway)
    assert answer.status == 503
    assert answer.text.startswith("sandbox: store (v1) refused the connection or broke off")
    assert answer.text.endswith("Try: sandbox logs store\n")
    assert answer.headers["x-sandbox-reason"] == "URX,UF"
