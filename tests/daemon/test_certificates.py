"""What Envoy says of its certificates."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sandbox.daemon import certificates
from sandbox.daemon.certificates import Certificates
from sandbox.errors import ProxyError
from sandbox.model import External, Port, Project
from sandbox.telemetry.alerts.evaluate import evaluate
from sandbox.telemetry.alerts.observation import Level, Observation
from tests.proxy.mesh import Mesh, a_caller, a_service, free_port

STAT = "server.days_until_first_cert_expiring"


@pytest.mark.parametrize(("said", "days"), [({STAT: 12}, 12.0), ({STAT: 2**32 - 1}, None), ({}, None)])
async def test_days_are_asked_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, int], days: float | None
) -> None:
    asked = scripted(monkeypatch, said)
    found = Certificates(lambda: Path("admin.sock"))

    assert [await found.days(), await found.days()] == [days, days]
    assert len(asked) == 1


async def test_an_envoy_that_does_not_answer_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, ProxyError("does not answer"))

    assert await Certificates(lambda: Path("admin.sock")).days() is None


def scripted(monkeypatch: pytest.MonkeyPatch, answer: dict[str, int] | ProxyError) -> list[str]:
    asked: list[str] = []

    class Admin:
        def __init__(self, where: object) -> None:
            pass

        async def __aenter__(self) -> Admin:
            return self

        async def __aexit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            pass

        async def stats(self, regex: str) -> dict[str, int]:
            asked.append(regex)
            if isinstance(answer, ProxyError):
                raise answer
            return answer

    async def imported(module: str) -> Any:
        return SimpleNamespace(Admin=Admin)

    monkeypatch.setattr(certificates, "imported", imported)
    return asked


def expiring(folder: Path, days: int) -> Path:
    """An authority that is good for so many days more."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "soon out")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days, hours=12))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "ca.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return file


async def told(mesh: Mesh) -> float:
    """Envoy counts the days when it flushes its statistics, every few seconds."""
    async with asyncio.timeout(30):
        while (days := await Certificates(lambda: mesh.paths.admin_socket).days()) is None:
            await asyncio.sleep(0.1)
    return days


async def test_a_real_envoy_whose_certificate_runs_out_is_an_alert(tmp_path: Path) -> None:
    async with Mesh() as mesh:
        assert await Certificates(lambda: mesh.paths.admin_socket).days() is None
        plain = a_service("bank", ports=(Port(number=80),))
        bank = replace(plain, external=External(host="localhost", port=free_port(), tls=True))
        mesh.declare(bank, callers=(a_caller("store", bank),))
        mesh.topology = replace(mesh.topology, ca_bundle=expiring(tmp_path, 3))
        await mesh.apply()
        assert (await mesh.get(mesh.edge("store", "bank", 80))).status == 503  # nobody is there; Envoy has looked at it

        days = await told(mesh)

    project = Project(name="p", root=tmp_path, files=(), services={})
    measured = [*evaluate(Observation(at=0.0, certificate_days=days), project)]
    [alert] = [one for one in measured if one.rule == "certificate_expires"]
    assert days == 3
    assert (alert.level, alert.message) == (Level.BAD, "a certificate of the proxy runs out in 3 days")
