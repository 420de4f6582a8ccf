"""Who else's pages may call -> the CORS filter's policy. Pure."""

from __future__ import annotations

import re

from envoy.config.core.v3.base_pb2 import RuntimeFractionalPercent
from envoy.extensions.filters.http.cors.v3.cors_pb2 import CorsPolicy
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from sandbox.model import Cors
from sandbox.proxy.values import share

FILTER = "envoy.filters.http.cors"


def cors_policy(cors: Cors) -> CorsPolicy:
    policy = CorsPolicy(
        allow_origin_string_match=[_origin(one) for one in cors.allow_origins],
        allow_methods=",".join(cors.allow_methods),
        allow_headers=",".join(cors.allow_headers),
        expose_headers=",".join(cors.expose_headers),
        allow_credentials=BoolValue(value=cors.allow_credentials),
        filter_enabled=RuntimeFractionalPercent(default_value=share(100)),
    )
    if cors.max_age is not None:
        policy.max_age = f"{cors.max_age:.0f}"
    return policy


def _origin(origin: str) -> StringMatcher:
    if origin == "*":
        return StringMatcher(safe_regex=RegexMatcher(regex=".*"))
    if "*" in origin:
        return StringMatcher(safe_regex=RegexMatcher(regex=re.escape(origin).replace(r"\*", "[^/]+")))
    return StringMatcher(exact=origin)
