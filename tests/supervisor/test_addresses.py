"""The sentences about ports that are not the ones preferred, and ports that nobody listens on any more."""

from __future__ import annotations

import pytest

from sandbox.model import Project
from sandbox.ports import Claim, Owner, Ports
from sandbox.supervisor.addresses import Addresses, sentences
from tests.supervisor.build import a_project


def test_a_port_that_somebody_has_is_told_with_its_owner() -> None:
    taken = {"UI": Claim(20001, 8090, Owner(12, "nginx"))}
    assert list(sentences(taken)) == ["UI is on 127.0.0.1:20001, because 8090 is taken by nginx (pid 12)"]


def test_all_that_stay_where_they_moved_are_one_sentence() -> None:
    as_before = {"gateway": Claim(20002, 8080), "UI": Claim(20001, 8090)}
    (sentence,) = sentences(as_before)
    assert sentence.startswith("ports are those of the last time: gateway 20002 (not 8080), UI 20001 (not 8090); ")
    assert list(sentences({})) == []


# --- ports of edges that leave ------------------------------------------------------------------------------------


class Held(Ports):
    """Claims without sockets: which purposes are held now."""

    def __init__(self) -> None:
        super().__init__("edges-1a2b3c")
        self.now: dict[str, int] = {}

    def claim(self, purpose: str, *, preferred: int | None = None, running: bool = False) -> Claim:
        return Claim(self.now.setdefault(purpose, 20000 + len(self.now)))

    def release(self, purpose: str) -> None:
        del self.now[purpose]


class Wiring:
    """Edges are wired as the daemon does it, and `drained` is when the proxy is through with those that left."""

    def __init__(self) -> None:
        self.ports = Held()
        self.addresses = Addresses(self.ports, proxy_runs=False)
        self._project: Project = a_project()

    def __call__(self, *edges: str) -> int:
        self.addresses.ingress(self._project)
        for edge in edges:
            self.addresses.listener(edge)
        return self.addresses.leaving()

    def drained(self, wiring: int) -> None:
        self.addresses.give_back(wiring)

    @property
    def held(self) -> set[str]:
        return {purpose for purpose in self.ports.now if not purpose.startswith("gateway")}


@pytest.fixture
def wire() -> Wiring:
    return Wiring()


def test_the_port_of_an_edge_that_left_is_given_back_once_the_proxy_is_through_with_it(wire: Wiring) -> None:
    wire("shop→orders", "shop→mill")
    wiring = wire("shop→orders")
    assert wire.held == {"shop→orders", "shop→mill"}

    wire.drained(wiring)
    assert wire.held == {"shop→orders"}


def test_an_edge_that_came_back_meanwhile_keeps_its_port(wire: Wiring) -> None:
    wire("shop→mill")
    wiring = wire()
    wire("shop→mill")

    wire.drained(wiring)
    assert wire.held == {"shop→mill"}


def test_one_that_left_again_is_not_given_back_for_the_first_time_it_left(wire: Wiring) -> None:
    wire("shop→mill")
    first = wire()
    wire("shop→mill")
    second = wire()

    wire.drained(first)
    assert wire.held == {"shop→mill"}
    wire.drained(second)
    assert wire.held == set()


def test_what_is_wired_as_before_is_never_given_back(wire: Wiring) -> None:
    for _ in range(3):
        wire.drained(wire("shop→mill"))

    assert wire.held == {"shop→mill"}
    assert "gateway:8080" in wire.ports.now
