"""What Envoy says of its certificates."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import pytest

from sandbox.daemon import certificates
from sandbox.daemon.certificates import Certificates
from sandbox.errors import ProxyError

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
