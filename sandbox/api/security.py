"""The guards of the two doors, and what every answer carries.

The loopback port is reachable from every page in every browser of the machine, so a request must prove that it was
meant for us (Host, against DNS rebinding), that no other site sent it (Origin, the custom header, which needs a CORS
permission that we never give) and that its sender was let in (token or cookie). The Unix socket is private by its
mode; there the kernel vouches for the peer's user.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.api.auth import Access, Auth
from sandbox.api.errors import Refused
from sandbox.api.shapes import INTENT_HEADER, LOOK_HEADER

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Guard = Callable[[web.Request], None]

_CHANGING = frozenset({"POST", "PUT", "DELETE", "PATCH"})
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "sandbox",
}

PUBLIC = frozenset({"/", "/login", "/cockpit", "/static/{name}", "/cockpit/static/{name}"})
"""The routes that answer without a login: they tell nothing about the project."""


_ASKING = frozenset({"/api/traffic/explain"})
"""The routes that change nothing, although their question needs a body."""


def harden(response: web.StreamResponse) -> None:
    """What a page needs beyond that, it has set already."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def loopback_hosts(port: int) -> frozenset[str]:
    return frozenset(f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]"))


def loopback_guard(port: int, auth: Auth) -> Guard:
    hosts = loopback_hosts(port)

    def check(request: web.Request) -> None:
        _check_host(request, hosts)
        _check_origin(request)
        _check_intent(request)
        if _path_of(request) in PUBLIC:
            return
        access = auth.access(request)
        if access is None:
            raise Refused(401, "not_logged_in", "not logged in", hint="open the link that `sandbox open` prints")
        if access is Access.LOOK:
            _check_looks_only(request)

    return check


def socket_guard(request: web.Request) -> None:
    uid = _peer_uid(request)
    if uid is not None and uid != os.getuid():
        raise Refused(403, "other_user", "this project belongs to another user")
    _check_intent(request)
    if LOOK_HEADER in request.headers:
        _check_looks_only(request)


def _check_looks_only(request: web.Request) -> None:
    if request.method in _CHANGING and _path_of(request) not in _ASKING:
        hint = "ask whoever gave you the link, or run: sandbox open"
        raise Refused(403, "looks_only", "this view is for looking only", hint=hint)


def _check_host(request: web.Request, hosts: frozenset[str]) -> None:
    given = request.headers.getall("Host", [])
    if len(given) != 1 or given[0].lower() not in hosts or not request.raw_path.startswith("/"):
        names = ", ".join(sorted(hosts))
        raise Refused(421, "wrong_host", "this address is not served here", hint=f"use one of {names}")


def _check_origin(request: web.Request) -> None:
    for origin in request.headers.getall("Origin", []):
        if origin.lower() != f"http://{request.headers['Host'].lower()}":
            raise Refused(403, "foreign_origin", "requests from other sites are refused")


def _check_intent(request: web.Request) -> None:
    if request.method in _CHANGING and request.headers.get(INTENT_HEADER) != "1":
        raise Refused(403, "missing_header", "refused without our header", hint=f"send `{INTENT_HEADER}: 1`")


def _path_of(request: web.Request) -> str | None:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else None


def _peer_uid(request: web.Request) -> int | None:
    """The user at the other end of a Unix socket; None where the system does not tell, and the mode must do."""
    option = getattr(socket, "SO_PEERCRED", None)
    peer = request.get_extra_info("socket")
    if option is None or peer is None:
        return None
    _pid, uid, _gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(uid)
