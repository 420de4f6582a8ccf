"""Ranges of addresses that a project's containers may have."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from sandbox.config.fields import TEXT, fault, text
from sandbox.config.tree import quoted

RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")
"""Addresses that no one on the Internet has: RFC 1918, and those for carriers (RFC 6598) and benchmarks (RFC 2544)."""

SMALLEST = 17
"""Bits of the prefix: a project takes a /17, a /24 of it for each service."""


def address_pool(value: object) -> str:
    cidr = text(value)
    address, _, bits = cidr.partition("/")
    try:
        network = IPv4Network(cidr, strict=False)
    except ValueError:
        raise fault(f"{quoted(cidr)} is no range of IPv4 addresses", "write it like 10.20.0.0/16") from None
    if not bits:
        raise fault(f"{quoted(cidr)} is one address, not a range", "write it like 10.20.0.0/16")
    if str(network.network_address) != address:
        raise fault(f"{quoted(cidr)} begins inside of a range", f"write {network}")
    _refuse_unusable(network)
    return str(network)


def _refuse_unusable(network: IPv4Network) -> None:
    if network.prefixlen > SMALLEST:
        hint = f"write {network.supernet(new_prefix=SMALLEST)} or a larger range"
        raise fault(f"{quoted(str(network))} is too small: a project takes a /{SMALLEST}", hint)
    if not any(network.subnet_of(IPv4Network(known)) for known in RANGES):
        hint = f"choose a part of {', '.join(RANGES[:-1])} or {RANGES[-1]}"
        raise fault(f"{quoted(str(network))} has addresses that are others' on the Internet", hint)


AddressPool = Annotated[str, PlainValidator(address_pool), WithJsonSchema(TEXT)]
