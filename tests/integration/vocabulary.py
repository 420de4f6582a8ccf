"""A policy for each key of the vocabulary that shows in a single request, and what then comes of requests."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.street import Street

POLICY = """\
traffic:
  shop:
    rules:
      - name: all conditions at once
        matches:
          - path: {type: RegularExpression, value: "/m/[0-9]+"}
            method: POST
            queryParams: {preview: {type: Present}}
            headers: {x-team: {type: RegularExpression, value: "(red|blue)-.*"}}
            from: [gateway]
        filters: [{type: DirectResponse, directResponse: {status: 200, body: '{"me": "rule"}'}}]
      - matches: [{path: {type: Exact, value: /old}}]
        filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /moved}}}]
      - matches: [{path: /closed}]
        filters: [{type: DirectResponse, directResponse: {status: 418, body: closed}}]
      - matches: [{path: /api}]
        filters:
          - type: URLRewrite
            urlRewrite: {hostname: inside, path: {type: ReplacePrefixMatch, replacePrefixMatch: /v9}}
          - type: RequestHeaderModifier
            requestHeaderModifier: {set: {x-set: "1"}, add: [{name: x-add, value: "2"}], remove: [x-gone]}
          - type: ResponseHeaderModifier
            responseHeaderModifier: {set: {x-answer: "3"}}
      - matches: [{path: /pages}]
        filters: [{type: CORS, cors: {allowOrigins: ["https://*.example.org"], allowMethods: [PUT], maxAge: 10m}}]
      - matches: [{path: /aborted}]
        fault: {abort: {percentage: 100, httpStatus: 451}}
      - matches: [{path: /broken-off}]
        fault: {abort: {percentage: 100, reset: true}}
      - matches: [{path: /limited}]
        rateLimit: {requests: 1, per: 1h, burst: 2, by: header, header: x-user}
      - matches: [{path: /whole}]
        filters: &slow
          - {type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /slow}}}
        timeouts: {request: 50ms}
      - matches: [{path: /attempt}]
        filters: *slow
        timeouts: {backendRequest: 50ms}
        retry: {attempts: 1, backoff: 1ms}
      - matches: [{path: /silent}]
        filters: *slow
        timeouts: {idle: 50ms}
      - matches: [{path: /hedged}]
        filters: *slow
        timeouts: {backendRequest: 50ms, request: 10s}
        retry: {attempts: 1, backoff: 1ms, hedge: true, on: [5xx]}
      - matches: [{path: /again}]
        filters:
          - {type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /flaky}}}
        retry: {attempts: 1, codes: [503], backoff: 1ms, methods: [POST], budget: {percent: 100}}
    loadBalancer: {consistentHash: {httpCookie: {name: route}}}
    authorization: [{action: DENY, name: no entry, methods: [GET], paths: [/secret*]}]
  orders:
    rules: [{backendRefs: [{version: v1}]}]
    connectionPool: {maxRequests: 1}
  pantry:
    concurrency: 1
    sessionPersistence: {type: Cookie, sessionName: sid, absoluteTimeout: 1h}
"""


def shows(street: Street) -> None:
    """Each key by its effect. AssertionError for the first without."""
    for check in (_matches, _rewrites, _answers, _faults, _limits, _times, _tries, _whole_services):
        check(street)


def _matches(street: Street) -> None:
    fits, team = "/m/42?preview", {"x_team": "red-1"}
    assert street.get(fits, "POST", **team).me == "rule"
    for path, method, headers in (("/m/x?preview", "POST", team), ("/m/42", "POST", team), (fits, "GET", team)):
        assert street.get(path, method, **headers).me == "shop-v1", path
    assert street.get(fits, "POST", x_team="green-1").me == "shop-v1"


def _rewrites(street: Street) -> None:
    assert street.get("/old").body["path"] == "/moved"
    answer = street.get("/api/x?y=1", x_gone="1", x_add="1")
    sent = answer.body["headers"]
    assert (answer.body["path"], sent["host"], sent["x-set"]) == ("/v9/x?y=1", "inside", "1")
    assert "x-gone" not in sent
    assert answer.headers["x-answer"] == "3"


def _answers(street: Street) -> None:
    closed, secret = street.get("/closed"), street.get("/secret/x")
    assert (closed.status, closed.body["error"]) == (418, "closed")
    assert (secret.status, "rule 1 (no entry) of its authorization says DENY" in secret.body["error"]) == (403, True)
    page = street.get("/pages", origin="https://a.example.org")
    assert page.headers["access-control-allow-origin"] == "https://a.example.org"
    assert "access-control-allow-origin" not in street.get("/pages", origin="https://example.com").headers


def _faults(street: Street) -> None:
    assert street.get("/aborted").status == 451
    with pytest.raises(http.client.IncompleteRead):
        street.get("/broken-off")


def _limits(street: Street) -> None:
    for user in ("anna", "bob"):
        answers = [street.get("/limited", x_user=user) for _ in range(3)]
        assert [one.status for one in answers] == [200, 200, 429]
        assert (answers[2].headers["x-ratelimit-limit"], answers[2].headers["x-ratelimit-remaining"]) == ("2", "0")


def _times(street: Street) -> None:
    assert [street.get(path).status for path in ("/whole", "/attempt", "/silent")] == [504, 504, 504]


def _tries(street: Street) -> None:
    before = street.get("/seen").body
    assert street.get("/hedged").me == "shop-v1"
    assert street.get("/seen").body["all"] - before["all"] == 2
    assert {street.get("/again", "POST").status for _ in range(4)} == {200}
    assert street.get("/seen").body["flaky"] - before["flaky"] > 4


def _whole_services(street: Street) -> None:
    assert street.get("/").headers["set-cookie"].startswith("route=")
    with ThreadPoolExecutor(8) as pool:  # which can't take 300 ms each and still be one after the other
        for path in ("/via/orders/slow", "/via/pantry/slow"):
            assert {one.status for one in pool.map(street.get, [path] * 8)} == {200, 503}, path
