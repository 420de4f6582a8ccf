"""What the package managers' own files on the host say about indexes, proxies and certificates."""

from __future__ import annotations

import configparser
import json
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LARGEST = 4 * 1024 * 1024

_CERTIFICATE_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_MORE_CERTIFICATES = "NODE_EXTRA_CA_CERTS"

_PIP = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "trusted-host": "PIP_TRUSTED_HOST",
    "timeout": "PIP_DEFAULT_TIMEOUT",
}
_NPM = re.compile(
    r"(registry|@[^:=\s]+:registry|strict-ssl|always-auth|//\S+:(_authToken|_auth|username|_password|email))"
)
_GO = frozenset({"GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE"})
_DOCKER = {"httpProxy": "HTTP_PROXY", "httpsProxy": "HTTPS_PROXY", "ftpProxy": "FTP_PROXY", "noProxy": "NO_PROXY",
           "allProxy": "ALL_PROXY"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFiles:
    """`certificates` is a PEM bundle to be trusted instead of an image's own; None when the user has set none."""

    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict)
    certificates: bytes | None = None


def read_host(host: Mapping[str, str]) -> HostFiles:
    """`host` is the user's environment, which tells where the files are. What can't be read counts as absent."""
    home = Path(host.get("HOME") or "/")
    config = Path(host.get("XDG_CONFIG_HOME") or home / ".config")
    pip, npm = _pip(host, home, config), _npm(host, home)
    variables = {_PIP[name]: value for name, value in pip.items() if name in _PIP} | _go(host, config)
    files = {"npmrc": "\n".join(line for _, line in npm).encode() + b"\n"} if npm else {}
    if settings := _read(home / ".m2" / "settings.xml"):
        files["settings.xml"] = settings
    proxy = {"HTTP_PROXY": pip["proxy"], "HTTPS_PROXY": pip["proxy"]} if "proxy" in pip else {}
    return HostFiles(
        variables=variables,
        files=files,
        proxies=proxy | _docker(host, home),
        certificates=_certificates(host, pip.get("cert")),
    )


def _certificates(host: Mapping[str, str], of_pip: str | None) -> bytes | None:
    named = [*(host[name] for name in _CERTIFICATE_FILES if host.get(name)), *([of_pip] if of_pip else [])]
    found = next((data for name in named if (data := _read(Path(name)))), None)
    more = _read(Path(host[_MORE_CERTIFICATES])) if host.get(_MORE_CERTIFICATES) else None
    if more is None or more == found:
        return found
    return (found or _system_certificates()) + b"\n" + more


def _system_certificates() -> bytes:
    place = ssl.get_default_verify_paths().cafile
    return (_read(Path(place)) if place else None) or b""


def _pip(host: Mapping[str, str], home: Path, config: Path) -> dict[str, str]:
    """pip's files in its own order, a later one over an earlier one: pip.pypa.io, "Configuration"."""
    places = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
    if named := host.get("PIP_CONFIG_FILE"):
        places = [] if named == os.devnull else [*places, Path(named)]
    found: dict[str, str] = {}
    for place in places:
        parser = configparser.RawConfigParser()
        with suppress(configparser.Error):
            parser.read_string((_read(place) or b"").decode("utf-8", "replace"))
        for section in ("global", "install"):
            if parser.has_section(section):
                found |= {name: " ".join(value.split()) for name, value in parser.items(section)}
    return found


def _npm(host: Mapping[str, str], home: Path) -> list[tuple[str, str]]:
    """Names and lines of what may be handed on."""
    place = Path(host.get("NPM_CONFIG_USERCONFIG") or host.get("npm_config_userconfig") or home / ".npmrc")
    return [(name, line) for name, line in _lines(place) if _NPM.fullmatch(name)]


def _go(host: Mapping[str, str], config: Path) -> dict[str, str]:
    lines = _lines(Path(host.get("GOENV") or config / "go" / "env"))
    return {name: line.partition("=")[2].strip() for name, line in lines if name in _GO}


def _docker(host: Mapping[str, str], home: Path) -> dict[str, str]:
    """The proxies that the docker command itself hands to builds."""
    place = Path(host.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    told: Any = {}
    with suppress(ValueError):
        told = json.loads(_read(place) or b"{}")
    with suppress(AttributeError, TypeError):
        default = told.get("proxies", {}).get("default", {})
        return {ours: str(default[theirs]) for theirs, ours in _DOCKER.items() if default.get(theirs)}
    return {}


def _lines(place: Path) -> Iterator[tuple[str, str]]:
    for line in (_read(place) or b"").decode("utf-8", "replace").splitlines():
        name, equals, _ = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";")):
            yield name.strip(), line.strip()


def _read(path: Path) -> bytes | None:
    with suppress(OSError, ValueError), path.open("rb") as file:
        return file.read(_LARGEST)
    return None
