"""Who shares an address, and who can't."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.errors import ProxyError
from sandbox.model import AppProtocol, Port
from sandbox.proxy.resources import Builder, build
from sandbox.proxy.sharing import Conflict, conflicts, overlap, shared_addresses
from sandbox.proxy.snapshot import check_consistent
from sandbox.proxy.topology import Address, Caller, EdgeListener, MeshService, Topology
from tests.proxy.mesh import a_service, without_conflicts

ONE, TWO = Address("10.0.0.1", 8000), Address("10.0.0.1", 5432)


def http(name: str) -> MeshService:
    return a_service(name)


def tcp(name: str) -> MeshService:
    return a_service(name, ports=(Port(number=8000, protocol=AppProtocol.TCP),))


def edges(bind: Address, *callees: str) -> tuple[EdgeListener, ...]:
    return tuple(EdgeListener(callee=callee, port=8000, bind=bind) for callee in callees)


def a_topology(*services: MeshService, callers: tuple[Caller, ...]) -> Topology:
    return Topology(
        gateway=Address("127.0.0.1", 1),
        default_service=None,
        services=services,
        callers=callers,
        published=(),
        outbound_socket=Path("/outbound.sock"),
    )


def test_an_address_of_one_edge_is_shared_by_nobody() -> None:
    caller = Caller(name="store", http_proxy=None, edges=(*edges(ONE, "orders"), *edges(TWO, "stock")))
    assert shared_addresses([caller]) == {}


@pytest.mark.parametrize(
    "caller",
    [
        Caller(name="store", http_proxy=None, edges=edges(ONE, "orders"), source="10.0.1.0/24"),
        Caller(name="store", http_proxy=None, edges=edges(ONE, "orders", "stock")),
        Caller(name="store", http_proxy=None, edges=(), undeclared=edges(ONE, "orders")),
    ],
)
def test_a_source_a_second_callee_or_an_undeclared_one_makes_it_shared(caller: Caller) -> None:
    assert list(shared_addresses([caller])) == [ONE]


def test_what_is_shared_elsewhere_changes_no_address_of_its_own() -> None:
    caller = Caller(name="store", http_proxy=None, edges=edges(ONE, "orders"), undeclared=edges(TWO, "stock"))
    assert list(shared_addresses([caller])) == [TWO]


def test_what_is_declared_is_not_undeclared_too() -> None:
    caller = Caller(name="store", http_proxy=None, edges=edges(ONE, "a"), undeclared=edges(ONE, "b", "a"))
    (chain,) = shared_addresses([caller])[ONE]
    assert [edge.callee for edge in chain.edges] == ["a", "b"]


@pytest.mark.parametrize(
    ("declared", "undeclared", "losers"),
    [
        (["web"], ["api"], []),
        (["web", "db"], [], ["db"]),
        (["db", "web", "cache"], [], ["web", "cache"]),
        (["web"], ["db"], ["db"]),
        (["db"], ["web"], ["web"]),
        (["db"], [], []),
    ],
)
def test_tcp_stands_alone_and_the_first_wins(declared: list[str], undeclared: list[str], losers: list[str]) -> None:
    caller = Caller(
        name="store",
        http_proxy=None,
        edges=edges(ONE, *declared),
        undeclared=edges(ONE, *undeclared),
        source="10.0.1.0/24",
    )
    topology = a_topology(http("web"), http("api"), tcp("db"), tcp("cache"), callers=(caller,))
    assert conflicts(topology) == tuple(Conflict("store", name, 8000, ONE) for name in losers)


def test_ranges_are_told_apart_or_named() -> None:
    assert overlap(["10.0.2.0/24", "10.0.1.0/24", "10.0.3.7/32"]) is None
    assert overlap(["10.0.1.0/24", "10.0.3.0/24", "10.0.1.7/32"]) == ("10.0.1.0/24", "10.0.1.7/32")
    assert overlap(["10.0.1.0/24", "0.0.0.0/0"]) == ("0.0.0.0/0", "10.0.1.0/24")


def test_what_is_no_range_is_named() -> None:
    caller = Caller(name="store", http_proxy=None, edges=edges(ONE, "web"), source="10.0.1.7/24")
    with pytest.raises(ProxyError, match="no range of addresses") as failure:
        build(a_topology(http("web"), callers=(caller,)), {})
    assert failure.value.place == "10.0.1.7/24"


# --- whatever the topology -----------------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d")
binds = st.sampled_from([ONE, TWO])


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Four services, each of which may call each, at two addresses."""
    services = tuple(draw(st.sampled_from([http, tcp]))(name) for name in NAMES)
    drawn = st.lists(st.builds(EdgeListener, callee=st.sampled_from(NAMES), port=st.just(8000), bind=binds), max_size=5)
    callers = tuple(
        Caller(
            name=name,
            http_proxy=None,
            edges=tuple(draw(drawn)),
            undeclared=tuple(draw(drawn)),
            source=f"10.0.{number}.0/24",
        )
        for number, name in enumerate(NAMES)
    )
    return a_topology(*services, callers=callers)


@settings(deadline=None)  # other work on the machine is no failure
@given(topologies())
def test_what_has_no_conflicts_is_consistent_and_holds_every_edge_once(topology: Topology) -> None:
    settled = without_conflicts(topology)
    assert conflicts(settled) == ()
    snapshot = build(settled, {})
    check_consistent(snapshot)
    for caller in settled.callers:
        for edge in caller.edges:
            version = "*" if (edge.callee, AppProtocol.TCP) in protocols(settled) else "v1"
            assert f"edge|{caller.name}|{edge.callee}|{version}|8000" in snapshot.clusters
    for bind in {edge.bind for caller in settled.callers for edge in caller.edges + caller.undeclared}:
        (listener,) = [one for one in snapshot.listeners.values() if one.address == bind]
        assert len(listener.sources) == len({c.name for c in settled.callers if bind in bound(c)})


@settings(deadline=None)  # other work on the machine is no failure
@given(topologies(), topologies())
def test_what_is_kept_from_the_last_round_changes_nothing(first: Topology, second: Topology) -> None:
    builder = Builder()
    for topology in (first, second, first):
        settled = without_conflicts(topology)
        assert builder.build(settled, {}) == build(settled, {})


@settings(deadline=None)  # other work on the machine is no failure
@given(topologies())
def test_what_has_conflicts_is_refused(topology: Topology) -> None:
    if conflicts(topology):
        with pytest.raises(ProxyError, match="TCP names no host"):
            build(topology, {})


def protocols(topology: Topology) -> set[tuple[str, AppProtocol]]:
    return {(service.name, port.protocol) for service in topology.services for port in service.ports}


def bound(caller: Caller) -> set[Address]:
    return {edge.bind for edge in caller.edges + caller.undeclared}
