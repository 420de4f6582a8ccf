"""Envoy's response flags as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

FLAGS: Mapping[str, str] = {
    "UH": "no ready instance",
    "UF": "the connection to the instance failed",
    "UO": "the circuit was open: too many requests or connections at a time",
    "NR": "no route for the request",
    "URX": "every retry failed, too",
    "NC": "the route leads to a version that does not exist",
    "DT": "the connection was open for too long",
    "UT": "the instance did not answer in time",
    "UC": "the instance closed the connection before it had answered",
    "LR": "the connection was reset on this side",
    "UR": "the instance reset the connection",
    "UPE": "the instance's answer was no valid HTTP",
    "DC": "the caller left before the answer",
    "DPE": "the caller's request was no valid HTTP",
    "SI": "the stream was idle for too long",
    "FI": "a fault was injected: an error instead of an answer",
    "DI": "a fault was injected: a delay",
    "RL": "the rate limit refused the request",
    "RLSE": "the rate limit service failed",
    "UAEX": "an authorization service refused the request",
    "IH": "a header had an invalid value",
    "DO": "the request was dropped because of overload",
    "UMSDR": "the request took longer than its whole time limit, with all tries",
    "OM": "the proxy was out of memory to spare",
    "DF": "the host name was not found",
    "NFCF": "there is no listener for the connection",
    "denied": "the callee's rules don't allow the call",
}
"""Envoy's response flags (envoyproxy.io, access log, %RESPONSE_FLAGS%), in a few words."""


@lru_cache(maxsize=256)
def joined_flags(outer: str, inbound: str) -> str:
    """Of the listener that was asked, and of the inbound one behind it, whose faults and limits answered; each once."""
    return ",".join(dict.fromkeys(flag for flag in f"{outer},{inbound}".split(",") if flag not in ("", "-")))


def flag_words(flag: str) -> str:
    return f"{FLAGS[flag]} ({flag})" if flag in FLAGS else f"Envoy's flag {flag}"
