"""Hosts outside that are called like services, through a real Envoy."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from sandbox.errors import ProxyError
from sandbox.model import (
    Abort,
    External,
    Fault,
    HeaderMatch,
    Match,
    MeshSettings,
    Port,
    RateLimit,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from sandbox.proxy.topology import Address
from tests.proxy.mesh import LOOPBACK, Mesh, a_caller, a_service, free_port

HOST = "localhost"
ANNA = Match(headers=(HeaderMatch(name="x-user", value="anna"),))


async def external(
    mesh: Mesh, port: int, *, tls: bool, policy: TrafficPolicy | None = None, ca: Path | None = None
) -> None:
    """`bank` is a host outside, which `store` calls."""
    plain = a_service("bank", ports=(Port(number=80),), policy=policy)
    bank = replace(plain, external=External(host=HOST, port=port, tls=tls))
    mesh.declare(bank, callers=(a_caller("store", bank),))
    mesh.topology = replace(mesh.topology, ca_bundle=ca)
    await mesh.apply()


@asynccontextmanager
async def a_bank(folder: Path, host: str = HOST) -> AsyncIterator[tuple[int, Path]]:
    """An HTTPS server, and the bundle to trust it by."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)

    async def answer(request: web.Request) -> web.StreamResponse:
        sni = request.transport.get_extra_info("ssl_object") is not None if request.transport else False
        return web.json_response({"name": "bank", "host": request.host, "tls": sni})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, LOOPBACK, port, ssl_context=context).start()
    try:
        yield port, folder / "ca.pem"
    finally:
        await runner.cleanup()


async def test_a_host_outside_is_called_like_a_service_and_by_its_own_name(mesh: Mesh) -> None:
    bank = await mesh.upstream("bank")
    await external(mesh, bank.address.port, tls=False)
    for answer in (
        await mesh.get(mesh.edge("store", "bank", 80)),
        await mesh.get("bank", proxy=mesh.http_proxy("store")),
    ):
        assert json.loads(answer.body)["host"] == f"{HOST}:{bank.address.port}"
    stats = await mesh.admin.stats(r"^cluster\.edge\|store\|bank\|v1\|80\.upstream_rq_completed$")
    assert list(stats.values()) == [2]


async def test_tls_is_spoken_to_it_and_its_certificate_looked_at(mesh: Mesh, tmp_path: Path) -> None:
    async with a_bank(tmp_path) as (port, ca):
        await external(mesh, port, tls=True, ca=ca)
        answer = json.loads((await mesh.get(mesh.edge("store", "bank", 80))).body)
        assert answer == {"name": "bank", "host": f"{HOST}:{port}", "tls": True}


async def test_another_host_s_certificate_is_not_believed(mesh: Mesh, tmp_path: Path) -> None:
    async with a_bank(tmp_path, "evil.example") as (port, ca):
        await external(mesh, port, tls=True, ca=ca)
        answer = await mesh.get(mesh.edge("store", "bank", 80))
        assert (answer.status, answer.headers["x-sandbox-reason"]) == (503, "URX,UF")


async def test_without_anybody_to_trust_it_is_refused_before_envoy_sees_it(mesh: Mesh) -> None:
    with pytest.raises(ProxyError, match="no certificate authorities"):
        await external(mesh, 443, tls=True)


async def test_policies_hold_for_hosts_outside_too(mesh: Mesh) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    bank = await mesh.upstream("bank", slow)
    rules = (
        Rule(matches=(ANNA,), fault=Fault(abort=Abort(http_status=418)), rate_limit=RateLimit(requests=10)),
        Rule(timeouts=Timeouts(request=0.1)),
    )
    await external(mesh, bank.address.port, tls=False, policy=TrafficPolicy(rules=rules))
    edge = mesh.edge("store", "bank", 80)
    assert (await mesh.get(edge, headers={"x-user": "anna"})).status == 418
    answer = await mesh.get(edge)
    assert (answer.status, answer.text) == (
        504,
        "sandbox: bank took longer than its time limit. Try: sandbox logs bank\n",
    )


async def test_other_hosts_can_be_forbidden(mesh: Mesh) -> None:
    other, orders = await mesh.upstream("other"), a_service("orders")
    mesh.declare(orders, callers=(a_caller("store", orders),))
    mesh.instances("orders", await mesh.upstream("orders"))
    mesh.topology = replace(mesh.topology, mesh=MeshSettings(egress=False))
    await mesh.apply()
    proxy = mesh.http_proxy("store")
    answer = await mesh.get(other.address, proxy=proxy)
    assert answer.status == 403
    assert answer.text == (
        f"sandbox: {other.address} is not a service of this project, and calls to hosts outside are denied here "
        "(mesh: {egress: deny}). To allow this one, name it as a service with `external:` in sandbox.yaml.\n"
    )
    assert (await mesh.get("orders", proxy=proxy)).name == "orders"
    assert await _tunnelled(proxy, other.address) == b"HTTP/1.1 403 Forbidden"


async def _tunnelled(proxy: str, target: Address) -> bytes:
    host, port = proxy.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return line.strip()
