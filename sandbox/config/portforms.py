"""Compose's short form of a port: `[[127.0.0.1:]published:]target[/protocol]`."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from sandbox.config.fields import fault, kind, whole
from sandbox.config.scalars import written
from sandbox.config.tree import quoted
from sandbox.model import AppProtocol, Port

_HINT = 'write "8000", "18000:8000", "5432/tcp" or "50051/grpc"'
_SHORT = re.compile(r"(?:(?:(?P<ip>.+):)?(?P<published>[^:]*):)?(?P<target>[^:/]+)(?:/(?P<protocol>[^:/]*))?")
_LOOPBACK = ("127.0.0.1", "localhost")


def long_form(value: object) -> Any:
    """The map that a short form stands for; anything else as it is, for the model to judge."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    shown = value if isinstance(value, str) else written(value)
    match = _SHORT.fullmatch(shown)
    if match is None:
        raise fault(f"{quoted(shown)} is no port", _HINT)
    if match["ip"]:
        refuse_other_hosts(match["ip"])
    port: dict[str, Any] = {"target": _number(match["target"], shown)}
    if match["published"]:
        port["published"] = _number(match["published"], shown)
    if match["protocol"] is not None:
        port["app_protocol"] = protocol(match["protocol"])
    return port


def exposed(value: object) -> Port:
    """An entry of `expose`: a port that is never published."""
    found = long_form(value)
    if not isinstance(found, dict) or not isinstance(value, str | int):
        raise fault(f"should be a port, not {kind(value)}", 'write "8000", "5432/tcp" or "50051/grpc"')
    if "published" in found:
        raise fault(f"{quoted(str(value))} publishes a port, which expose does not do", "move it to ports")
    return Port(number=whole(1, 65535)(found["target"]), protocol=AppProtocol(found.get("app_protocol", "http")))


def _number(text: str, shown: str) -> int:
    if re.fullmatch(r"[0-9]+-[0-9]+", text, re.ASCII):
        raise fault(f"{quoted(shown)} is a range of ports, which sandbox does not support yet", "list each port")
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise fault(f"{quoted(shown)} is no port", _HINT)
    if not 1 <= int(text) <= 65535:
        raise fault(f"{quoted(shown)} is no port", "write a number from 1 to 65535")
    return int(text)


def refuse_other_hosts(ip: str) -> None:
    if ip not in _LOOPBACK:
        raise fault(f"can't be published on {quoted(ip)}: ports are only open on 127.0.0.1", "leave the address out")


def protocol(value: object) -> str:
    """The value of `app_protocol`, which is also what stands after the slash."""
    names = [str(member) for member in AppProtocol]
    if value == "udp":
        raise fault("can't be udp: sandbox does not support it yet", "use tcp")
    if isinstance(value, str) and value in names:
        return value
    near = get_close_matches(str(value), names, n=1)
    hint = f"did you mean {near[0]}?" if near else "for any other protocol over TCP write tcp"
    raise fault(f"should speak {', '.join(names[:-1])} or {names[-1]}, not {kind(value)}", hint)
