"""Certificates in the form that Java reads: a JKS file, written by the layout in sun.security.provider.JavaKeyStore."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterator
from contextlib import suppress

PASSWORD = "changeit"
"""Java's customary one. It guards certificates, which are public, against damage."""

_MAGIC = 0xFEEDFEED
_VERSION = 2
_TRUSTED_CERTIFICATE = 2
_SEQUENCE = b"\x30"  # what DER begins a certificate with
_SALT = b"Mighty Aphrodite"


def truststore(bundle: bytes) -> bytes:
    """`bundle` is PEM; what is no certificate in it is left out."""
    found = list(_certificates(bundle))
    entries = b"".join(_entry(index, der) for index, der in enumerate(found))
    data = _number(_MAGIC) + _number(_VERSION) + _number(len(found)) + entries
    return data + hashlib.sha1(PASSWORD.encode("utf-16-be") + _SALT + data).digest()


def _certificates(bundle: bytes) -> Iterator[bytes]:
    text = bundle.decode("ascii", "replace")
    for pem in re.findall(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----", text):
        with suppress(ValueError):
            if (der := ssl.PEM_cert_to_DER_cert(pem)).startswith(_SEQUENCE):
                yield der


def _entry(index: int, der: bytes) -> bytes:
    made_at = bytes(8)  # nobody asks, and the file stays the same
    return b"".join((
        _number(_TRUSTED_CERTIFICATE), _text(f"ca{index}"), made_at, _text("X.509"), _number(len(der)), der
    ))  # fmt: skip


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()
