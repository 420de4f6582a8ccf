"""What of the host's network settings a build gets: proxies, certificates and package indexes, by allow-list.

Proxies go as the build arguments that every engine knows and keeps out of the history. The rest only reaches stages of
which nothing but results gets into the image (`equip`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from sandbox.runtime.docker.builds.hostfiles import HostFiles
from sandbox.runtime.docker.builds.java import SETTINGS
from sandbox.runtime.docker.builds.truststore import PASSWORD, truststore

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
"""Docker's predefined arguments, in lower case too: docs.docker.com/reference/dockerfile, "Predefined ARGs"."""

_PLAIN = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"),
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST", "UV_INDEX_STRATEGY"),
    *("NPM_CONFIG_REGISTRY", "NPM_CONFIG_STRICT_SSL", "NPM_TOKEN", "NODE_AUTH_TOKEN"),
    *("YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER", "YARN_NPM_AUTH_TOKEN", "COREPACK_NPM_REGISTRY"),
    *("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE"),
)  # fmt: skip
_PATTERNS = (re.compile(r"UV_INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD)"),)
_SECRET_NAMES = re.compile(r"TOKEN|PASSWORD")

_CERTIFICATE_VARIABLES = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"),
    *("NPM_CONFIG_CAFILE", "GIT_SSL_CAINFO"),
)

PLACE = "/run/sandbox-build"
"""Where the files are in the stages that get them."""

_TEXTS = ("npmrc", "settings.xml")
_HOST = re.compile(r"(//(?:[^\s/@|,]*@)?)(\[[^\]\s]+\]|[^\s/:@|,<>\"']+)")
_DESKTOP = "host.docker.internal"
"""What leads to the host's loopback in Docker Desktop's containers."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """`proxies` and `variables` by name; `files` by name below PLACE; `secrets` are words that must not be shown."""

    proxies: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    @property
    def on_loopback(self) -> bool:
        """Something in it leads to the host's own loopback, which is another one in a container."""
        told = (*self.proxies.values(), *self.variables.values(), *self._texts.values())
        return any(_is_loopback(match[2]) for text in told for match in _HOST.finditer(text))

    def masked(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def for_desktop(self) -> Transfer:
        return Transfer(
            {name: _to_desktop(value) for name, value in self.proxies.items()},
            {name: _to_desktop(value) for name, value in self.variables.items()},
            {**self.files, **{name: _to_desktop(text).encode() for name, text in self._texts.items()}},
            self.secrets,
        )

    @property
    def _texts(self) -> dict[str, str]:
        """The files in which there are addresses."""
        return {name: data.decode("utf-8", "replace") for name, data in self.files.items() if name in _TEXTS}


def collect(host: Mapping[str, str], found: HostFiles) -> Transfer:
    """`host` is the user's environment, `found` what the tools' own files say. The environment wins."""
    proxies = _proxies(host, found.proxies)
    variables = {**found.variables, **{name: host[name] for name in _allowed(host)}}
    if "npm_config_registry" in host:
        variables.setdefault("NPM_CONFIG_REGISTRY", host["npm_config_registry"])
    files = dict(found.files)
    if found.certificates:
        files |= {"ca.pem": found.certificates, "ca.jks": truststore(found.certificates)}
        variables |= dict.fromkeys(_CERTIFICATE_VARIABLES, f"{PLACE}/ca.pem")
    if "npmrc" in files:
        variables["NPM_CONFIG_USERCONFIG"] = f"{PLACE}/npmrc"
    if "settings.xml" in files:
        variables[SETTINGS] = f"{PLACE}/settings.xml"
    if options := _java_options(proxies, bool(found.certificates)):
        variables["MAVEN_OPTS"] = " ".join(options)
    return Transfer(proxies, variables, files, _secrets(proxies, variables, files))


def _allowed(host: Mapping[str, str]) -> list[str]:
    return [name for name in host if name in _PLAIN or any(pattern.fullmatch(name) for pattern in _PATTERNS)]


def _proxies(host: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    """Both spellings, since programs differ in which they read."""
    found: dict[str, str] = {}
    for name in PROXIES:
        value = host.get(name.lower()) or host.get(name) or configured.get(name)
        if value:
            found |= {name: value, name.lower(): value}
    return found


def _java_options(proxies: Mapping[str, str], certificates: bool) -> Iterable[str]:
    """Java reads none of the usual variables: docs.oracle.com, "Networking Properties"."""
    options: list[str] = []
    for scheme in ("http", "https"):
        url = urlsplit(proxies.get(f"{scheme}_proxy", ""))
        if url.hostname:
            options += [f"-D{scheme}.proxyHost={url.hostname}", f"-D{scheme}.proxyPort={url.port or 80}"]
    if options and (direct := proxies.get("no_proxy")):
        hosts = [f"*{name}" if name.startswith(".") else name for name in re.split(r"[,\s]+", direct) if name]
        options.append(f"-Dhttp.nonProxyHosts={'|'.join(hosts)}")
    if certificates:
        options += [f"-Djavax.net.ssl.trustStore={PLACE}/ca.jks", f"-Djavax.net.ssl.trustStorePassword={PASSWORD}"]
    return options


def _secrets(*told: Mapping[str, str] | Mapping[str, bytes]) -> tuple[str, ...]:
    """Passwords of URLs, as they are written and as they are meant, and tokens; the longest first."""
    found: set[str] = set()
    for mapping in told:
        for name, value in mapping.items():
            if isinstance(value, bytes):
                if name != "ca.jks":
                    found |= set(_in_text(value.decode("utf-8", "replace")))
            else:
                found |= {value} if _SECRET_NAMES.search(name) else set(_in_text(value))
    return tuple(sorted((secret for secret in found if len(secret) > 2), key=lambda secret: (-len(secret), secret)))


def _in_text(text: str) -> Iterable[str]:
    for match in re.finditer(r"://([^\s/@:]*)(?::([^\s/@]*))?@", text):
        password = match[2] if match[2] is not None else match[1]
        yield from (password, unquote(password))
    for match in re.finditer(r"_(?:authToken|auth|password)\s*=\s*(\S+)", text):
        yield match[1]
    for match in re.finditer(r"<(password|passphrase)>\s*([^<\s]+)\s*</\1>", text):
        yield match[2]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _to_desktop(text: str) -> str:
    def moved(match: re.Match[str]) -> str:
        return f"{match[1]}{_DESKTOP}" if _is_loopback(match[2]) else match[0]

    return _HOST.sub(moved, text)
