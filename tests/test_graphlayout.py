from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sandbox.graphlayout import Slot, arrange, spread

NAMES = [f"s{number}" for number in range(9)]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=25)


def test_a_chain_is_a_layer_each() -> None:
    found = arrange(["gateway", "web", "orders", "db"], [("gateway", "web"), ("web", "orders"), ("orders", "db")])

    assert found.nodes() == (("gateway",), ("web",), ("orders",), ("db",))


def test_a_callee_stands_behind_the_last_of_its_callers_and_a_long_edge_bends_on_its_way() -> None:
    edges = [("gateway", "web"), ("web", "orders"), ("orders", "db"), ("web", "db")]
    found = arrange(["db", "gateway", "orders", "web"], edges, roots=["gateway"])

    assert found.nodes() == (("gateway",), ("web",), ("orders",), ("db",))
    assert found.links[3].path == (Slot("web"), Slot(edge=("web", "db"), layer=2), Slot("db"))


def test_edges_that_need_not_cross_do_not() -> None:
    found = arrange(["a", "b", "c", "x", "y", "z"], [("a", "z"), ("b", "y"), ("c", "x")])

    assert found.nodes() == (("a", "b", "c"), ("z", "y", "x"))


def test_a_cycle_is_drawn_with_one_edge_backward() -> None:
    found = arrange(["gateway", "a", "b"], [("gateway", "a"), ("a", "b"), ("b", "a"), ("b", "b")], ["gateway"])

    assert found.nodes() == (("gateway",), ("a",), ("b",))
    assert [(link.source, link.target) for link in found.links if link.backward] == [("b", "a"), ("b", "b")]
    assert found.links[2].path == (Slot("b"), Slot("a"))


def test_who_calls_and_is_called_by_nobody_stands_before_what_it_calls() -> None:
    edges = [("gateway", "web"), ("web", "orders"), ("orders", "db"), ("worker", "db")]
    found = arrange(["gateway", "web", "orders", "db", "worker", "alone"], edges, ["gateway"])

    assert found.nodes() == (("gateway",), ("web", "alone"), ("orders", "worker"), ("db",))


def test_nothing_is_nothing() -> None:
    assert (arrange([], [("a", "b")]).layers, dict(spread(arrange([], [])))) == ((), {})


def test_a_caller_stands_in_the_middle_of_what_it_calls() -> None:
    found = arrange(["a", "x", "y", "z"], [("a", "x"), ("a", "y"), ("a", "z")])

    assert dict(spread(found, 10)) == {Slot("a"): 10, Slot("x"): 0, Slot("y"): 10, Slot("z"): 20}


@given(PAIRS, st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
def test_every_node_has_one_place_and_every_edge_leads_forward_but_for_cycles(
    edges: list[tuple[str, str]], roots: list[str]
) -> None:
    found = arrange(NAMES, edges, roots)
    layer = {slot: index for index, slots in enumerate(found.layers) for slot in slots}

    assert sorted(name for names in found.nodes() for name in names) == sorted(NAMES)
    assert [(link.source, link.target) for link in found.links] == list(dict.fromkeys(edges))
    for link in found.links:
        steps = [layer[there] - layer[here] for here, there in pairwise(link.path)]
        assert set(steps) <= ({1} if not link.backward else {-1} if link.source != link.target else {0})
        assert (link.path[0], link.path[-1]) == (Slot(link.source), Slot(link.target))


@given(PAIRS)
def test_places_across_keep_their_order_and_their_distance(edges: list[tuple[str, str]]) -> None:
    found = arrange(NAMES, edges)
    across = spread(found, 2.0)

    assert min(across.values()) == 0
    for layer in found.layers:
        assert all(across[there] - across[here] >= 2.0 - 1e-9 for here, there in pairwise(layer))
