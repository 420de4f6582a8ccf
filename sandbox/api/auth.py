"""Who may come in from the loopback port: holders of the token, and browsers that came by a login link."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from aiohttp import web

from sandbox.files import write_atomic

CODE_LIFETIME = 10 * 60.0
SESSION_LIFETIME = 12 * 60 * 60.0
_MOST_CODES = 32
_MOST_SESSIONS = 64

Clock = Callable[[], float]


class Access(StrEnum):
    """What whoever came in may do."""

    FULL = "full"
    LOOK = "look"  # for an audience: see everything, change nothing


def load_token(path: Path) -> str:
    """The token in the file, or a new one where there is none, a damaged one, or one that others could read."""
    try:
        token = path.read_text(encoding="ascii").strip()
        if re.fullmatch(r"[\w-]{32,}", token) and path.stat().st_mode & 0o077 == 0:
            return token
    except (OSError, UnicodeDecodeError):
        pass
    token = secrets.token_urlsafe(32)
    write_atomic(path, token.encode() + b"\n", mode=0o600)
    return token


class Tickets:
    """Secrets we gave out. Each expires; beyond `limit` the oldest goes. Only their digests are kept.

    Looking up a digest tells nothing about a secret by the time it takes, so a plain dictionary will do.
    """

    def __init__(self, limit: int, lifetime: float, clock: Clock) -> None:
        self._limit = limit
        self._lifetime = lifetime
        self._clock = clock
        self._issued: dict[bytes, tuple[float, Access]] = {}  # when it expires, in the order of issue

    def issue(self, access: Access) -> str:
        secret = secrets.token_urlsafe(32)
        while len(self._issued) >= self._limit:
            del self._issued[next(iter(self._issued))]
        self._issued[_digest(secret)] = self._clock() + self._lifetime, access
        return secret

    def access(self, secret: str) -> Access | None:
        """What it is good for; None when it is unknown or too old."""
        expiry, access = self._issued.get(_digest(secret), (0.0, None))
        return access if expiry > self._clock() else None

    def redeem(self, secret: str) -> Access | None:
        """What it was good for; it never is again."""
        access = self.access(secret)
        self._issued.pop(_digest(secret), None)
        return access


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Auth:
    """cookie: its name, the project's own, because browsers send cookies to every port of a host."""

    def __init__(self, token: str, cookie: str, clock: Clock = time.monotonic) -> None:
        self.cookie = cookie
        self._token = token
        self._codes = Tickets(_MOST_CODES, CODE_LIFETIME, clock)
        self._sessions = Tickets(_MOST_SESSIONS, SESSION_LIFETIME, clock)

    def new_code(self, access: Access = Access.FULL) -> str:
        """To be redeemed once, within CODE_LIFETIME seconds."""
        return self._codes.issue(access)

    def log_in(self, code: str, response: web.StreamResponse) -> bool:
        """Give the response a session for the code; False when the code is unknown, used or too old."""
        access = self._codes.redeem(code)
        if access is None:
            return False
        response.set_cookie(
            self.cookie,
            self._sessions.issue(access),
            max_age=int(SESSION_LIFETIME),
            path="/",
            httponly=True,
            samesite="Strict",
        )
        return True

    def session(self, request: web.Request) -> Access | None:
        """What the browser's cookie is good for."""
        return self._sessions.access(request.cookies.get(self.cookie, ""))

    def access(self, request: web.Request) -> Access | None:
        return Access.FULL if self._has_token(request) else self.session(request)

    def _has_token(self, request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode(errors="replace"), self._token.encode()
        )
