"""Which of the host's settings go to builds. No engine."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from sandbox.runtime.docker.builds.hostfiles import read_host
from sandbox.runtime.docker.builds.transfer import PLACE, Transfer, collect
from sandbox.runtime.docker.builds.truststore import PASSWORD, truststore
from tests.runtime.docker.builds.index import _certificates
from tests.runtime.docker.builds.kitchen import write


@pytest.fixture
def host(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}


def transfer(host: dict[str, str]) -> Transfer:
    return collect(host, read_host(host))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "certificates"
    folder.mkdir()
    _certificates(folder)
    return folder / "ca.pem"


def test_an_environment_that_says_nothing_hands_nothing_on(
    host: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host |= {"AWS_SECRET_ACCESS_KEY": "x", "PATH": "/bin", "SANDBOX_HOME": "/x", "GITHUB_TOKEN": "x"}
    found = transfer(host)
    assert (found.proxies, found.variables, found.files, found.secrets) == ({}, {}, {}, ())


def test_proxies_are_handed_on_in_both_spellings(host: dict[str, str]) -> None:
    host |= {"https_proxy": "http://p:1", "NO_PROXY": "localhost,.corp"}
    found = transfer(host)
    assert found.proxies == {
        "HTTPS_PROXY": "http://p:1",
        "https_proxy": "http://p:1",
        "NO_PROXY": "localhost,.corp",
        "no_proxy": "localhost,.corp",
    }
    assert found.variables == {
        "MAVEN_OPTS": "-Dhttps.proxyHost=p -Dhttps.proxyPort=1 -Dhttp.nonProxyHosts=localhost|*.corp"
    }


def test_the_docker_commands_own_proxies_count_where_the_environment_has_none(
    host: dict[str, str], tmp_path: Path
) -> None:
    write(tmp_path, {".docker/config.json": '{"proxies": {"default": {"httpProxy": "http://d:1", "noProxy": "x"}}}'})
    host["HTTP_PROXY"] = "http://e:1"
    assert transfer(host).proxies["http_proxy"] == "http://e:1"
    assert transfer(host).proxies["no_proxy"] == "x"


def test_what_package_managers_are_set_to_by_variables(host: dict[str, str]) -> None:
    wanted = {
        "PIP_INDEX_URL": "https://a",
        "UV_DEFAULT_INDEX": "https://b",
        "UV_INDEX_CORP_PASSWORD": "hush",
        "GOPROXY": "https://c,direct",
        "NPM_CONFIG_REGISTRY": "https://d",
        "NPM_TOKEN": "sesame",
    }
    found = transfer({**host, **wanted, "PIP_TARGET": "/x", "UV_CACHE_DIR": "/y", "GOFLAGS": "-mod=mod"})
    assert found.variables == wanted
    assert found.secrets == ("sesame", "hush")
    assert transfer({**host, "npm_config_registry": "https://e"}).variables == {"NPM_CONFIG_REGISTRY": "https://e"}


def test_what_they_are_set_to_by_files(host: dict[str, str], tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".pip/pip.conf": "[global]\nindex-url = https://old\ntrusted-host = a\n  b\n",
            ".config/pip/pip.conf": "[install]\nindex-url = https://jo:sesame@new/%20x\nno-deps = yes\n",
            ".npmrc": "registry=https://n\n//n/:_authToken=hush-hush\n@corp:registry=https://m\nprefix=/usr\n; x=y\n",
            ".config/go/env": "GOPROXY=https://g\nGOFLAGS=-x\n",
            ".m2/settings.xml": "<settings><password>secret1</password></settings>",
        },
    )
    host.pop("PIP_CONFIG_FILE")
    found = transfer({**host, "GOPROXY": "off", "SSL_CERT_FILE": ""})
    variables = {name: value for name, value in found.variables.items() if "ca.pem" not in value}
    variables.pop("MAVEN_OPTS", None)  # where this machine's own pip.conf names certificates
    assert variables == {
        "PIP_INDEX_URL": "https://jo:sesame@new/%20x",
        "PIP_TRUSTED_HOST": "a b",
        "GOPROXY": "off",
        "NPM_CONFIG_USERCONFIG": f"{PLACE}/npmrc",
        "MAVEN_SETTINGS": f"{PLACE}/settings.xml",
    }
    assert found.files["npmrc"] == b"registry=https://n\n//n/:_authToken=hush-hush\n@corp:registry=https://m\n"
    assert set(found.secrets) == {"sesame", "hush-hush", "secret1"}


def test_files_that_are_nonsense_count_as_absent(host: dict[str, str], tmp_path: Path) -> None:
    write(
        tmp_path,
        {".config/pip/pip.conf": "no section", ".docker/config.json": '{"proxies": []}', ".npmrc": "\0\n=\n"},
    )
    assert transfer(host) == Transfer()


def test_certificates_go_to_everything_that_asks_for_them_by_name(host: dict[str, str], bundle: Path) -> None:
    found = transfer({**host, "SSL_CERT_FILE": str(bundle)})
    assert found.files["ca.pem"] == bundle.read_bytes()
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "NPM_CONFIG_CAFILE"):
        assert found.variables[name] == f"{PLACE}/ca.pem"
    assert f"-Djavax.net.ssl.trustStore={PLACE}/ca.jks" in found.variables["MAVEN_OPTS"]


def test_additional_certificates_do_not_replace_the_usual_ones(host: dict[str, str], bundle: Path) -> None:
    found = transfer({**host, "NODE_EXTRA_CA_CERTS": str(bundle)}).files["ca.pem"]
    assert found.endswith(bundle.read_bytes())
    usual = ssl.get_default_verify_paths().cafile
    assert usual is None or found.startswith(Path(usual).read_bytes())


@pytest.mark.skipif(shutil.which("keytool") is None, reason="keytool is not installed")
def test_java_reads_the_truststore(tmp_path: Path, bundle: Path) -> None:
    (tmp_path / "ca.jks").write_bytes(truststore(b"a remark\n" + bundle.read_bytes() * 2))
    listed = subprocess.run(
        ["keytool", "-list", "-keystore", str(tmp_path / "ca.jks"), "-storepass", PASSWORD],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "contains 2 entries" in listed
    assert "trustedCertEntry" in listed


def test_a_truststore_of_nothing() -> None:
    assert truststore(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")[:12].hex() == (
        "feedfeed0000000200000000"
    )


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("https://jo:sesame@packages/simple", "sesame"),
        ("https://sesame@packages/simple", "sesame"),
        ("https://jo:se%20same@a https://b", "se%20same"),
        ("https://jo:se%20same@a", "se same"),
    ],
)
def test_passwords_are_not_shown(host: dict[str, str], value: str, secret: str) -> None:
    found = transfer({**host, "PIP_EXTRA_INDEX_URL": value})
    assert found.masked(f"Looking in {value}, and {secret}").count(secret) == 0


@pytest.mark.parametrize(
    ("value", "on_loopback", "desktop"),
    [
        ("http://127.0.0.1:3128", True, "http://host.docker.internal:3128"),
        ("http://jo:x@localhost:1/a?b", True, "http://jo:x@host.docker.internal:1/a?b"),
        ("http://[::1]:8/", True, "http://host.docker.internal:8/"),
        ("https://a|http://127.1.2.3,direct", True, "https://a|http://host.docker.internal,direct"),
        ("https://packages.corp/simple", False, "https://packages.corp/simple"),
        ("off", False, "off"),
    ],
)
def test_the_hosts_own_loopback_is_another_one_in_a_build(value: str, on_loopback: bool, desktop: str) -> None:
    found = Transfer(variables={"GOPROXY": value})
    assert found.on_loopback == on_loopback
    assert found.for_desktop().variables == {"GOPROXY": desktop}
    files = Transfer(files={"npmrc": f"registry={value}\n".encode(), "ca.pem": b"//127.0.0.1"})
    assert files.on_loopback == on_loopback
    assert files.for_desktop().files == {"npmrc": f"registry={desktop}\n".encode(), "ca.pem": b"//127.0.0.1"}
