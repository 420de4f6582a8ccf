"""Which addresses projects, services and instances get."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import combinations, islice

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.addressing import CANDIDATES, Plan, choose_pool

POOL = "10.200.0.0/17"

NAMES = st.text("abc", min_size=1, max_size=3)
NETWORKS = st.builds(
    lambda address, bits: IPv4Network((address, bits), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)
)


def plan_of(*services: str) -> Plan:
    return Plan(pool=POOL).with_services(services)


# --- the range of a project -----------------------------------------------------------------------------------------


@given(project=NAMES, services=st.integers(0, 400), taken=st.lists(NETWORKS, max_size=12))
def test_it_overlaps_nothing_that_says_where_something_is(
    project: str, services: int, taken: list[IPv4Network]
) -> None:
    try:
        pool = choose_pool(project, services, taken)
    except RuntimeFailure:
        assume(False)
    assert not any(pool.overlaps(one) for one in taken if one.prefixlen >= 4)
    assert any(pool.subnet_of(IPv4Network(one)) for one in CANDIDATES)
    assert choose_pool(project, services, taken) == pool


@given(project=NAMES, services=st.integers(0, 400))
def test_all_services_fit_into_it(project: str, services: int) -> None:
    pool = choose_pool(project, services, ())
    names = [f"s{number}" for number in range(services)]
    plan = Plan(pool=str(pool)).with_services(names)
    assert len(set(plan.slots.values())) == services
    assert pool.prefixlen <= 17


def test_projects_meet_rarely() -> None:
    pools = [choose_pool(f"project-{number}", 5, ()) for number in range(10)]
    assert len(set(pools)) >= 8


def test_a_project_that_meets_another_moves_on() -> None:
    first = choose_pool("shop", 5, ())
    assert choose_pool("shop", 5, [first]) != first


def test_default_routes_and_halves_of_everything_take_nothing() -> None:
    everywhere = [IPv4Network("0.0.0.0/0"), IPv4Network("0.0.0.0/1"), IPv4Network("128.0.0.0/1")]
    assert choose_pool("shop", 5, everywhere) == choose_pool("shop", 5, ())


def test_the_files_own_ranges_are_the_only_ones() -> None:
    assert choose_pool("shop", 5, (), ["10.20.0.0/17"]) == IPv4Network("10.20.0.0/17")
    with pytest.raises(RuntimeFailure, match=r"overlap all of 10\.20\.0\.0/17") as failure:
        choose_pool("shop", 5, [IPv4Network("10.20.99.0/24")], ["10.20.0.0/17"])
    assert "address_pools" in failure.value.hint


def test_a_small_range_of_the_file_serves_a_small_project() -> None:
    assert choose_pool("shop", 5, (), ["10.20.0.0/20"]) == IPv4Network("10.20.0.0/20")
    with pytest.raises(RuntimeFailure, match=r"16 services need a range of /19 or larger.*10\.20\.0\.0/20") as failure:
        choose_pool("shop", 16, (), ["10.20.0.0/20"])
    assert failure.value.hint


def test_where_everything_is_taken_that_is_said() -> None:
    with pytest.raises(RuntimeFailure, match="no range of addresses is free") as failure:
        choose_pool("shop", 5, map(IPv4Network, CANDIDATES))
    assert failure.value.hint


# --- the ranges of services -----------------------------------------------------------------------------------------


@given(st.lists(st.lists(NAMES, unique=True, max_size=30), min_size=1, max_size=8))
def test_services_keep_their_ranges_while_others_come_and_go(history: list[list[str]]) -> None:
    plan = Plan(pool=POOL)
    for services in history:
        before, plan = plan, plan.with_services(services)
        kept = [name for name in services if name in before.slots]
        assert all(plan.range_of(name) == before.range_of(name) for name in kept)
        ranges = [plan.range_of(name) for name in services]
        assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))
        assert not any(one.overlaps(plan.uplink) for one in ranges)
        assert all(one.subnet_of(plan.network) for one in ranges)


def test_127_services_fit() -> None:
    plan = plan_of(*(f"s{number}" for number in range(127)))
    assert sorted(plan.slots.values()) == list(range(1, 128))
    with pytest.raises(RuntimeFailure, match="128 services do not fit") as failure:
        plan.with_services([*plan.slots, "one-more"])
    assert failure.value.hint


def test_those_who_left_make_room_only_when_there_is_no_other() -> None:
    plan = plan_of("old", *(f"s{number}" for number in range(125)))
    services = [name for name in plan.slots if name != "old"]
    plan = plan.with_services([*services, "new"])
    assert plan.slots["old"] != plan.slots["new"]
    plan = plan.with_services([*services, "new", "newer"])
    assert "old" not in plan.slots


# --- the addresses of instances -------------------------------------------------------------------------------------


@given(st.lists(NAMES, unique=True, min_size=1, max_size=20), st.integers(0, 31))
def test_a_private_network_lies_in_its_services_range(services: list[str], number: int) -> None:
    plan = plan_of(*services)
    for name in services:
        network = plan.private_network(name, number)
        assert network.subnet_of(plan.range_of(name))
        assert network.prefixlen == 29
        assert plan.service_at(str(network[3])) == name


def test_the_gateways_of_private_networks_are_in_the_ranges_and_are_no_instances() -> None:
    plan = Plan(pool="10.200.0.0/17").with_services(["web", "orders"])
    gateways = set(plan.gateways())
    assert len(gateways) == 2 * 32
    for name in ("web", "orders"):
        networks = [plan.private_network(name, number) for number in range(32)]
        assert {str(network[1]) for network in networks} <= gateways
        assert not {str(network[part]) for network in networks for part in (2, 3)} & gateways


def test_private_networks_of_a_service_are_apart_until_its_range_is_full() -> None:
    plan = plan_of("web")
    networks = [plan.private_network("web", number) for number in range(32)]
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))
    with pytest.raises(IndexError):
        plan.private_network("web", 32)


def test_addresses_on_the_one_network_belong_to_the_service() -> None:
    plan = plan_of("web", "stock")
    addresses = list(plan.addresses("stock"))
    assert len(set(addresses)) == 254
    assert {plan.service_at(address) for address in addresses} == {"stock"}
    assert list(islice(plan.addresses("web"), 2)) == ["10.200.1.1", "10.200.1.2"]


def test_the_proxys_own_addresses_are_nobodys() -> None:
    plan = plan_of("web")
    assert plan.gateway == "10.200.0.1"
    assert IPv4Address(plan.gateway) in plan.uplink
    assert plan.service_at(plan.gateway) is None
    assert plan.service_at("192.0.2.1") is None
