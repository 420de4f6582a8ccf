"""What is asked, of whom, and how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.errors import UsageError

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token: RFC 9110 §5.6.2 and §9.1."""

MOST_PER_SECOND = 1000.0
"""One process and its measuring share the machine with the platform; for more, there are benchmarks."""

MOST_AT_A_TIME = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    base: str  # http://127.0.0.1:8080
    host: str | None  # the Host header, where it is not that of `base`
    way: str  # in words: "through the gateway"
    caller: str  # as whom it appears


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    destination: Destination
    service: str
    per_second: float = 10.0
    seconds: float = 60.0
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    at_a_time: int = 32  # requests under way; more wait
    timeout: float = 10.0  # seconds until an answer is given up

    @property
    def count(self) -> int:
        return max(1, round(self.per_second * self.seconds))

    def moment(self, number: int) -> float:
        """When a request is meant to start, in seconds since the first."""
        return number / self.per_second


def check_method(text: str) -> None:
    """UsageError for what is no method of HTTP."""
    if not _METHOD.fullmatch(text):
        raise UsageError(f"{text!r} is no method", hint="such as GET or POST")
