"""What containers may not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.model import Build, Healthcheck, NoProbe, Version
from sandbox.runtime.docker.hardening import FORGERS, hardening, softened


def version(*, hardened: bool = True, read_only: bool = False, cap_add: tuple[str, ...] = ()) -> Version:
    return Version(
        name="v1",
        build=Build(context=Path("/")),
        healthcheck=Healthcheck(probe=NoProbe()),
        hardened=hardened,
        read_only=read_only,
        cap_add=cap_add,
    )


def test_nothing_is_allowed_that_is_not_asked_for() -> None:
    found = hardening(version(cap_add=("CHOWN",), read_only=True))
    assert found == {
        "CapDrop": ["ALL"],
        "CapAdd": ["CHOWN"],
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": True,
    }
    assert hardening(version())["CapAdd"] == []


@pytest.mark.parametrize("hardened", [True, False])
def test_nobody_may_forge_an_address(hardened: bool) -> None:
    found = hardening(version(hardened=hardened, cap_add=("SYS_PTRACE", *FORGERS)))
    assert found["CapAdd"] == ["SYS_PTRACE"]
    assert set(found["CapDrop"]) >= set(FORGERS) or found["CapDrop"] == ["ALL"]


def test_what_is_softened_is_said() -> None:
    assert softened(version()) is None
    assert "not hardened" in str(softened(version(hardened=False)))
    assert softened(version(cap_add=("CHOWN", "SETUID"))) == "given the capabilities CHOWN, SETUID"
