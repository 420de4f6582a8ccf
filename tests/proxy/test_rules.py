"""Which requests rules take, and what they do to them, through a real Envoy."""

from __future__ import annotations

import asyncio
import json

import pytest

from sandbox.model import (
    BackendRef,
    Cors,
    DirectResponse,
    HeaderModifier,
    Match,
    MatchType,
    Mirror,
    PathMatch,
    PathMatchType,
    PathModifier,
    QueryParamMatch,
    RateLimit,
    Redirect,
    Rewrite,
    Rule,
    TrafficPolicy,
)
from tests.proxy.lots import Share, assert_fair
from tests.proxy.mesh import Mesh, eventually
from tests.proxy.steered import Steered, only, split, steered

BOTH = ("v1", "v2")


def path(value: str, type: PathMatchType = PathMatchType.PREFIX) -> Match:
    return Match(path=PathMatch(value=value, type=type))


def query(name: str, value: str = "", type: MatchType = MatchType.EXACT) -> Match:
    return Match(query_params=(QueryParamMatch(name=name, value=value, type=type),))


async def taken_by_v2(mesh: Mesh, match: Match, **options: object) -> bool:
    stage = await steered(
        mesh, None, Rule(matches=(match,), backends=only("v2")), Rule(backends=only("v1")), versions=BOTH
    )
    return (await stage.ask(**options)).name == "v2"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("match", "asked", "fits"),
    [
        (path("/a", PathMatchType.EXACT), "/a?x=1", True),
        (path("/a", PathMatchType.EXACT), "/a/", False),
        (path("/a"), "/a", True),
        (path("/a"), "/a/b", True),
        (path("/a"), "/ab", False),
        (path("/a/"), "/a?x", True),
        (path("/"), "/anything", True),
        (path("/[0-9]+/x", PathMatchType.REGULAR_EXPRESSION), "/42/x?y", True),
        (path("/[0-9]+", PathMatchType.REGULAR_EXPRESSION), "/42/x", False),
        (query("debug", type=MatchType.PRESENT), "/?debug", True),
        (query("user", "anna"), "/?x=1&user=anna", True),
        (query("user", "anna"), "/?user=annabel", False),
        (query("user", "a.*", MatchType.REGULAR_EXPRESSION), "/?user=annabel", True),
    ],
)
async def test_paths_and_queries(mesh: Mesh, match: Match, asked: str, fits: bool) -> None:
    assert await taken_by_v2(mesh, match, path=asked) is fits


@pytest.mark.parametrize(("method", "fits"), [("POST", True), ("GET", False)])
async def test_methods(mesh: Mesh, method: str, fits: bool) -> None:
    assert await taken_by_v2(mesh, Match(method="POST"), method=method) is fits


@pytest.mark.parametrize(("caller", "fits"), [("till", True), ("gateway", True), ("store", False)])
async def test_callers(mesh: Mesh, caller: str, fits: bool) -> None:
    assert await taken_by_v2(mesh, Match(callers=("till", "gateway")), caller=caller) is fits


async def test_all_conditions_of_a_match_must_hold_and_any_match_of_a_rule(mesh: Mesh) -> None:
    strict = Match(path=PathMatch(value="/a"), method="POST", callers=("store",))
    rule = Rule(matches=(strict, path("/b")), backends=only("v2"))
    stage = await steered(mesh, None, rule, Rule(backends=only("v1")), versions=BOTH)
    assert (await stage.ask("/a", method="POST")).name == "v2"
    assert (await stage.ask("/a", method="POST", caller="till")).name == "v1"
    assert (await stage.ask("/a")).name == "v1"
    assert (await stage.ask("/b")).name == "v2"


@pytest.mark.parametrize(
    ("match", "modifier", "asked", "seen"),
    [
        (path("/v2"), PathModifier(replace_prefix="/"), "/v2/x?y=1", "/x?y=1"),
        (path("/v2"), PathModifier(replace_prefix="/"), "/v2", "/"),
        (path("/v2"), PathModifier(replace_prefix="/api"), "/v2/x", "/api/x"),
        (path("/v2"), PathModifier(replace_prefix="/api/"), "/v2", "/api"),
        (path("/"), PathModifier(replace_prefix="/api"), "/x?y", "/api/x?y"),
        (path("/v2"), PathModifier(replace_full="/new"), "/v2/x?y=1", "/new?y=1"),
        (path("/a.b"), PathModifier(replace_prefix=r"/\1"), "/a.b/c", r"/\1/c"),
    ],
)
@pytest.mark.parametrize("limit", [None, RateLimit(requests=100)])
async def test_paths_are_rewritten(
    mesh: Mesh, match: Match, modifier: PathModifier, asked: str, seen: str, limit: RateLimit | None
) -> None:
    rewrite = Rewrite(hostname="other.example", path=modifier)
    stage = await steered(mesh, None, Rule(matches=(match,), rewrite=rewrite, rate_limit=limit))
    got = json.loads((await stage.ask(asked)).body)
    assert (got["path"], got["host"]) == (seen, "other.example")


@pytest.mark.parametrize(
    ("redirect", "location"),
    [
        (Redirect(hostname="other.example", status=301), "http://other.example/v2/x?y=1"),
        (Redirect(scheme="https", hostname="o.example", port=8443), "https://o.example:8443/v2/x?y=1"),
        (Redirect(hostname="o", path=PathModifier(replace_full="/new"), status=308), "http://o/new?y=1"),
        (Redirect(hostname="o", path=PathModifier(replace_prefix="/"), status=303), "http://o/x?y=1"),
    ],
)
@pytest.mark.parametrize("limit", [None, RateLimit(requests=1, per=60)])
async def test_redirects(mesh: Mesh, redirect: Redirect, location: str, limit: RateLimit | None) -> None:
    stage = await steered(mesh, None, Rule(matches=(path("/v2"),), redirect=redirect, rate_limit=limit))
    answer = await stage.ask("/v2/x?y=1", allow_redirects=False)
    assert (answer.status, answer.headers["location"]) == (redirect.status, location)
    if limit is not None:
        assert (await stage.ask("/v2/x?y=1", allow_redirects=False)).status == 429


async def test_direct_responses(mesh: Mesh) -> None:
    body = "closed: 100 % off\n" + "x" * 5000
    rule = Rule(
        matches=(path("/sale"),),
        direct_response=DirectResponse(status=418, body=body),
        response_headers=HeaderModifier(set={"x-sale": "over"}),
    )
    stage = await steered(mesh, None, rule)
    answer = await stage.ask("/sale")
    assert (answer.status, answer.text, answer.headers["x-sale"]) == (418, body, "over")
    assert stage.upstreams["v1"].seen == {}


@pytest.mark.parametrize("concurrency", [None, 100])
async def test_headers_are_changed_both_ways(mesh: Mesh, concurrency: int | None) -> None:
    rule = Rule(
        request_headers=HeaderModifier(set={"x-set": "100 %"}, add={"x-add": "more"}, remove=("x-gone",)),
        response_headers=HeaderModifier(set={"x-from": "%UPSTREAM_HOST%"}, add={"x-tag": "b"}, remove=("server",)),
    )
    stage = await steered(mesh, TrafficPolicy(rules=(rule,), concurrency=concurrency))
    answer = await stage.ask(headers={"x-set": "old", "x-add": "some", "x-gone": "1"})
    assert answer.seen("x-set") == ["100 %"]
    assert sorted(answer.seen("x-add")) == ["more", "some"]
    assert answer.seen("x-gone") == []
    assert answer.headers["x-from"] == "%UPSTREAM_HOST%"
    assert "Server" not in answer.headers
    assert answer.headers.getall("x-tag") == ["b"]


@pytest.mark.parametrize("limit", [None, RateLimit(requests=1000)])
async def test_a_copy_goes_to_another_version(mesh: Mesh, limit: RateLimit | None) -> None:
    rule = Rule(backends=only("v1"), mirrors=(Mirror(version="v2"),), rate_limit=limit)
    stage = await steered(mesh, None, rule, versions=BOTH)
    for _ in range(10):
        assert (await stage.ask()).name == "v1"
    await eventually(lambda: stage.upstreams["v2"].seen == {"GET": 10})
    assert stage.upstreams["v1"].seen == {"GET": 10}


async def test_a_share_of_copies(mesh: Mesh) -> None:
    rule = Rule(backends=only("v1"), mirrors=(Mirror(version="v2", percentage=25),))
    stage = await steered(mesh, None, rule, versions=BOTH)
    copied = 0

    async def draw() -> list[Share]:
        nonlocal copied
        assert await stage.statuses(400) == {200: 400}
        before, copied = copied, await stage.cluster("upstream_rq_total", version="v2")
        return [Share(copied - before, 400, 0.25)]

    await assert_fair(draw)


async def test_weights_over_ten_thousand_requests(mesh: Mesh) -> None:
    weights = {"v1": 70, "v2": 25, "v3": 5}
    stage = await steered(mesh, None, Rule(backends=split(**weights)), versions=tuple(weights))
    clients, seen = 32, dict.fromkeys(weights, 0)

    async def draw() -> list[Share]:
        nonlocal seen
        total = sum(await asyncio.gather(*(_load(stage, 10_000 // clients + 1) for _ in range(clients))))
        before, seen = seen, {name: await stage.cluster("upstream_rq_total", version=name) for name in weights}
        return [Share(seen[name] - before[name], total, weight / 100) for name, weight in weights.items()]

    await assert_fair(draw)


async def _load(stage: Steered, count: int) -> int:
    """On one connection, with no client's work but sending: how many were answered."""
    where = stage.where()
    reader, writer = await asyncio.open_connection(where.host, where.port)
    for _ in range(count):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200")
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    writer.close()
    return count


CORS = Cors(
    allow_origins=("https://shop.example", "https://*.friends.example"),
    allow_methods=("GET", "POST"),
    allow_headers=("x-user",),
    expose_headers=("x-sale",),
    max_age=600,
    allow_credentials=True,
)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", True),
        ("https://a.friends.example", True),
        ("https://friends.example", False),
        ("https://evil.example", False),
    ],
)
async def test_cors(mesh: Mesh, origin: str, allowed: bool) -> None:
    stage = await steered(mesh, None, Rule(cors=CORS))
    asked = {"origin": origin, "access-control-request-method": "POST"}
    preflight = await stage.ask(method="OPTIONS", caller="gateway", headers=asked)
    plain = await stage.ask(caller="gateway", headers={"origin": origin})
    assert plain.name == "v1"
    assert plain.headers.get("access-control-allow-origin") == (origin if allowed else None)
    if allowed:
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-methods"] == "GET,POST"
        assert preflight.headers["access-control-allow-headers"] == "x-user"
        assert preflight.headers["access-control-max-age"] == "600"
        assert preflight.headers["access-control-allow-credentials"] == "true"
        assert plain.headers["access-control-expose-headers"] == "x-sale"
        assert stage.upstreams["v1"].seen == {"GET": 1}


async def test_any_origin(mesh: Mesh) -> None:
    stage = await steered(mesh, None, Rule(cors=Cors(allow_origins=("*",))))
    answer = await stage.ask(headers={"origin": "http://anybody"})
    assert answer.headers["access-control-allow-origin"] == "http://anybody"


async def test_telemetry_can_tell_which_rule_a_request_took(mesh: Mesh) -> None:
    stage = await steered(
        mesh, None, Rule(matches=(path("/a"),), name="first"), Rule(backends=(BackendRef(version="v1"),))
    )
    dump = json.dumps(await stage.mesh.admin._json("/config_dump", {"resource": "dynamic_route_configs"}))
    for name in ("steamer rule 1", "steamer rule 2"):
        assert f'"name": "{name}"' in dump
    assert '"name": "first"' in dump
