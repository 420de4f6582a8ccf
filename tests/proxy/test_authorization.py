"""Who may call what, through a real Envoy."""

from __future__ import annotations

import pytest

from sandbox.model import AuthorizationAction, AuthorizationRule, Match, MeshSettings, Rule, TrafficPolicy
from tests.proxy.mesh import Mesh, a_caller, a_service
from tests.proxy.peers import TCP, connection, said, talker
from tests.proxy.steered import only, steered


def allow(**keys: object) -> AuthorizationRule:
    return AuthorizationRule(action=AuthorizationAction.ALLOW, **keys)  # type: ignore[arg-type]


def deny(**keys: object) -> AuthorizationRule:
    return AuthorizationRule(action=AuthorizationAction.DENY, **keys)  # type: ignore[arg-type]


async def test_a_denied_caller_is_told_by_which_rule(mesh: Mesh) -> None:
    stage = await steered(mesh, TrafficPolicy(authorization=(allow(), deny(callers=("till",), name="no tills"))))
    answer = await stage.ask(caller="till")
    assert (answer.status, answer.headers["x-sandbox-reason"]) == (403, "denied")
    assert answer.text == (
        "sandbox: till may not send this to steamer: rule 2 (no tills) of its authorization says DENY. "
        "Try: sandbox traffic get steamer\n"
    )
    assert (await stage.ask(caller="store")).status == 200
    assert await stage.counter("cluster.denied|till|steamer|8000.upstream_rq_403") == 1
    assert stage.upstreams["v1"].seen == {"GET": 1}


POLICIES = {
    "a method": TrafficPolicy(authorization=(deny(methods=("POST", "PUT")),)),
    "a path": TrafficPolicy(authorization=(deny(paths=("/admin", "/private/*")),)),
    "only reading": TrafficPolicy(authorization=(allow(methods=("GET",)),)),
    "only a path": TrafficPolicy(authorization=(allow(paths=("/open/*", "/")),)),
    "methods on paths": TrafficPolicy(
        authorization=(
            allow(callers=("store",), methods=("POST",), paths=("/orders",)),
            allow(methods=("GET",)),
            allow(paths=("/ping",)),
        )
    ),
}


@pytest.mark.parametrize(
    ("policy", "method", "path", "status"),
    [
        ("a method", "POST", "/", 403),
        ("a method", "GET", "/", 200),
        ("a path", "GET", "/admin", 403),
        ("a path", "GET", "/admin?x=1", 403),
        ("a path", "GET", "/admin/x", 200),
        ("a path", "GET", "/private/x?y", 403),
        ("a path", "GET", "/?private/", 200),
        ("only reading", "GET", "/x", 200),
        ("only reading", "POST", "/x", 403),
        ("only a path", "POST", "/open/x?a=b", 200),
        ("only a path", "GET", "/?x", 200),
        ("only a path", "GET", "/open", 403),
        ("methods on paths", "POST", "/orders?x", 200),
        ("methods on paths", "POST", "/other", 403),
        ("methods on paths", "GET", "/other", 200),
        ("methods on paths", "DELETE", "/ping", 200),
        ("methods on paths", "DELETE", "/orders", 403),
    ],
)
async def test_methods_and_paths(mesh: Mesh, policy: str, method: str, path: str, status: int) -> None:
    stage = await steered(mesh, POLICIES[policy])
    assert (await stage.ask(path, method=method)).status == status


async def test_who_is_not_allowed_is_denied_everywhere(mesh: Mesh) -> None:
    stage = await steered(mesh, TrafficPolicy(authorization=(allow(callers=("store", "gateway")),)))
    assert (await stage.ask(caller="store")).status == 200
    assert (await stage.ask(caller="gateway")).status == 200
    assert (await stage.ask_by_name(caller="store")).status == 200
    for answer in (
        await stage.ask(caller="till"),
        await stage.ask_by_name(caller="till"),
        await stage.ask_by_name(caller="thief"),
    ):
        assert answer.status == 403
        assert "no ALLOW of its authorization fits" in answer.text


async def test_a_caller_that_declares_nothing_is_known_where_a_policy_names_it(mesh: Mesh) -> None:
    rule = Rule(matches=(Match(callers=("thief",)),), backends=only("v2"))
    policy = TrafficPolicy(rules=(rule,), authorization=(deny(callers=("thief",), methods=("POST",)),))
    stage = await steered(mesh, policy, versions=("v1", "v2"))
    assert (await stage.ask_by_name(caller="thief")).name == "v2"
    assert (await stage.ask(caller="till")).status == 200
    refused = await mesh.request("POST", "steamer", proxy=mesh.http_proxy("thief"))
    assert refused.text.startswith("sandbox: thief may not send this to steamer: rule 1 of its authorization")
    assert await stage.counter("cluster.denied|thief|steamer|8000.upstream_rq_403") == 1


async def test_only_declared_calls_where_the_mesh_says_so(mesh: Mesh) -> None:
    stage = await steered(mesh, settings=MeshSettings(declared_only=True))
    assert (await stage.ask_by_name(caller="store")).status == 200
    assert (await stage.ask(caller="gateway")).status == 200
    answer = await stage.ask_by_name(caller="thief")
    assert (answer.status, answer.headers["x-sandbox-reason"]) == (403, "denied")
    assert answer.text.startswith("sandbox: thief does not declare steamer in depends_on, and only declared calls")
    assert stage.upstreams["v1"].seen == {"GET": 2}
    assert await stage.counter("cluster.denied|thief|steamer|8000.upstream_rq_403") == 1


async def test_of_very_many_callers_who_is_refused_is_not_named(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.proxy.resources.MOST_NAMED", 2)
    stage = await steered(mesh, settings=MeshSettings(declared_only=True))
    answer = await stage.ask_by_name(caller="thief")
    assert answer.text.startswith("sandbox: the caller does not declare steamer in depends_on, and only declared calls")


async def test_a_denied_tcp_caller_gets_no_connection(mesh: Mesh) -> None:
    async with talker(b"welcome") as address:
        policy = TrafficPolicy(authorization=(deny(callers=("till",)),))
        service = a_service("db", ports=TCP, policy=policy)
        mesh.declare(service, callers=(a_caller("store", service), a_caller("till", service)))
        mesh.instances("db", address, port=5432)
        await mesh.apply()
        assert await said(mesh.edge("store", "db", 5432)) == b"welcome"
        assert await said(mesh.edge("till", "db", 5432)) == b""


async def test_who_calls_can_t_be_feigned(mesh: Mesh) -> None:
    policy = TrafficPolicy(authorization=(deny(callers=("till",)),))
    stage = await steered(mesh, policy)
    feigned = {"x-sandbox-from": "store", "x-sandbox-service": "steamer", "x-sandbox-caller": "store"}
    assert (await stage.ask(caller="till", headers=feigned)).status == 403
    assert (await stage.ask_by_name(caller="till", headers=feigned)).status == 403


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ((deny(),), b"403"),
        ((deny(methods=("POST",)),), b"403"),
        ((allow(paths=("/open",)),), b"403"),
        ((allow(callers=("store",)),), b"200"),
    ],
)
async def test_a_tunnel_is_no_way_around_it(mesh: Mesh, rules: tuple[AuthorizationRule, ...], status: bytes) -> None:
    await steered(mesh, TrafficPolicy(authorization=rules))
    proxy = next(one.http_proxy for one in mesh.topology.callers if one.name == "store")
    assert proxy is not None
    async with connection(proxy) as (reader, writer):
        writer.write(b"CONNECT steamer:80 HTTP/1.1\r\nHost: steamer:80\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status) and (b"x-sandbox-reason: denied" in head) is (status == b"403")


async def test_headers_of_ours_stay_with_us(mesh: Mesh) -> None:
    stage = await steered(mesh, TrafficPolicy(concurrency=100))
    answer = await stage.ask(headers={"X-Mine": "1"})
    assert answer.seen("X-Mine") == ["1"]
    assert b"x-sandbox" not in answer.body.lower()
    assert b"downstream-service" not in answer.body.lower()
