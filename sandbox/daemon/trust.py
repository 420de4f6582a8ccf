"""Whom hosts outside are trusted by: the bundle of certificate authorities of this machine."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

CA_IN_CONTAINER = Path("/sandbox/ca.pem")
"""The same in a container of Envoy's own."""

# Where distributions keep theirs, for a Python that was built to look elsewhere.
_USUAL = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def ca_bundle(environ: Mapping[str, str]) -> Path | None:
    """SSL_CERT_FILE, else the system's; None where there is none."""
    told = environ.get("SSL_CERT_FILE")
    known = [told, ssl.get_default_verify_paths().cafile, *_USUAL]
    return next((Path(one) for one in known if one and Path(one).is_file()), None)
