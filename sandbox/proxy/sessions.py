"""Who was answered by an instance stays with it: cookies for its address, and for its version where there is a choice.

Pure.
"""

from __future__ import annotations

import re

from envoy.config.core.v3.base_pb2 import HeaderValueOption
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import (
    StatefulSession,
    StatefulSessionPerRoute,
)
from envoy.extensions.http.stateful_session.cookie.v3.cookie_pb2 import CookieBasedSessionState
from envoy.type.http.v3.cookie_pb2 import Cookie
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from sandbox.model import SessionPersistence
from sandbox.proxy.resource import pack
from sandbox.proxy.values import duration, header

FILTER = "envoy.filters.http.stateful_session"


def sticky_filter(session: SessionPersistence) -> StatefulSessionPerRoute:
    cookie = Cookie(name=session.cookie, path="/")
    if session.ttl is not None:
        cookie.ttl.CopyFrom(duration(max(1, round(session.ttl))))
    state = TypedExtensionConfig(
        name="envoy.http.stateful_session.cookie", typed_config=pack(CookieBasedSessionState(cookie=cookie))
    )
    return StatefulSessionPerRoute(stateful_session=StatefulSession(session_state=state))


def remembered(session: SessionPersistence, version: str) -> HeaderMatcher:
    """Of who was answered by this version."""
    pattern = rf"(?:.*;\s*)?{re.escape(_cookie(session, version))}(?:\s*;.*)?"
    return HeaderMatcher(name="cookie", string_match=StringMatcher(safe_regex=RegexMatcher(regex=pattern)))


def remember(session: SessionPersistence, version: str) -> HeaderValueOption:
    lasts = f"; Max-Age={max(1, round(session.ttl))}" if session.ttl is not None else ""
    return header("set-cookie", f"{_cookie(session, version)}; Path=/; HttpOnly{lasts}", append=True)


def _cookie(session: SessionPersistence, version: str) -> str:
    return f"{session.cookie}-version={version}"
