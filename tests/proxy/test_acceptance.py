"""Whatever the snapshot accepts, Envoy accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sandbox.errors import ProxyError
from sandbox.model import (
    AppProtocol,
    BackendRef,
    HeaderMatch,
    Match,
    MatchType,
    Port,
    Retry,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from sandbox.proxy.resources import build
from sandbox.proxy.topology import Address, Caller, EdgeListener, EndpointKey, MeshService
from tests.proxy.mesh import LOOPBACK, Mesh, free_port, without_conflicts

EXAMPLES = 200

Drawn = tuple[tuple[MeshService, ...], dict[EndpointKey, tuple[Address, ...]], set[tuple[int, int]]]
"""Services, their instances, and who calls whom by index."""

Callers = Callable[[tuple[MeshService, ...], set[tuple[int, int]]], tuple[Caller, ...]]

names = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
version_names = st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
header_names = st.from_regex(r"[a-z0-9!#$%&'*+.^_`|~-]{1,20}", fullmatch=True)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
patterns = st.sampled_from(["", ".*", "a|b", "[0-9]+", r"\d{2,4}x?", "(?i)on"])
seconds = st.floats(0, 100_000)


def header_match(type: MatchType) -> st.SearchStrategy[HeaderMatch]:
    value = patterns if type is MatchType.REGULAR_EXPRESSION else values
    return st.builds(HeaderMatch, name=header_names, value=value, type=st.just(type))


matches = st.builds(Match, headers=st.lists(st.sampled_from(MatchType).flatmap(header_match), max_size=3).map(tuple))
retries = st.builds(
    Retry,
    attempts=st.integers(0, 50),
    codes=st.lists(st.integers(100, 599), max_size=4).map(tuple),
    backoff=st.floats(0, 60),
)
timeouts = st.builds(Timeouts, request=st.none() | seconds, backend_request=st.none() | seconds)


@st.composite
def rules(draw: st.DrawFn, versions: tuple[str, ...]) -> Rule:
    backend = st.builds(BackendRef, version=st.sampled_from(versions), weight=st.integers(0, 1_000_000))
    return Rule(
        matches=tuple(draw(st.lists(matches, max_size=3))),
        backends=tuple(draw(st.lists(backend, max_size=4))),
        timeouts=draw(timeouts),
        retry=draw(st.none() | retries),
    )


@st.composite
def services(draw: st.DrawFn, name: str) -> MeshService:
    versions = tuple(draw(st.lists(version_names, min_size=1, max_size=3, unique=True)))
    numbers = draw(st.lists(st.integers(1, 65535), max_size=3, unique=True))
    ports = tuple(Port(number=number, protocol=draw(st.sampled_from(AppProtocol))) for number in numbers)
    policy = TrafficPolicy(rules=tuple(draw(st.lists(rules(versions), max_size=4))))
    return MeshService(name=name, versions=versions, ports=ports, public=draw(st.booleans()), policy=policy)


addresses = st.builds(Address, st.just(LOOPBACK), st.integers(1, 65535))


@st.composite
def meshes(draw: st.DrawFn) -> Drawn:
    found = tuple(draw(services(name)) for name in draw(st.lists(names, max_size=4, unique=True)))
    endpoints = {
        EndpointKey(service.name, version, port.number): tuple(draw(st.lists(addresses, max_size=3, unique=True)))
        for service in found
        for version in service.versions
        for port in service.ports
    }
    index = st.integers(0, max(0, len(found) - 1))
    calls = draw(st.sets(st.tuples(index, index), max_size=3)) if found else set()
    return found, endpoints, calls


def apart(found: tuple[MeshService, ...], calls: set[tuple[int, int]]) -> tuple[Caller, ...]:
    """Unused ports are looked for here, not drawn: whether one is free is not the data's affair."""
    return tuple(
        Caller(
            name=service.name,
            http_proxy=Address(LOOPBACK, free_port()),
            edges=edges(found, {callee for caller, callee in calls if caller == number}),
        )
        for number, service in enumerate(found)
    )


def together(found: tuple[MeshService, ...], calls: set[tuple[int, int]]) -> tuple[Caller, ...]:
    """All at one address, where what is not declared is reached too."""
    here, everybody = Address(LOOPBACK, free_port()), set(range(len(found)))
    return tuple(
        Caller(
            name=service.name,
            http_proxy=None,
            edges=edges(found, declared, here),
            undeclared=edges(found, everybody - declared, here),
            source=f"10.0.{number}.0/24",
        )
        for number, service in enumerate(found)
        for declared in [{callee for caller, callee in calls if caller == number}]
    )


def edges(found: tuple[MeshService, ...], callees: set[int], bind: Address | None = None) -> tuple[EdgeListener, ...]:
    return tuple(
        EdgeListener(callee=found[callee].name, port=port.number, bind=bind or Address(LOOPBACK, free_port()))
        for callee in sorted(callees)
        for port in found[callee].ports
    )


def drawn_meshes() -> list[Drawn]:
    drawn: list[Drawn] = []

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(meshes())
    def draw(one: Drawn) -> None:
        drawn.append(one)

    draw()
    return drawn


@pytest.mark.parametrize("callers", [apart, together])
async def test_envoy_accepts_whatever_the_snapshot_accepts(mesh: Mesh, callers: Callers) -> None:
    taken = 0
    for found, endpoints, calls in drawn_meshes():
        topology = without_conflicts(replace(mesh.topology, services=found, callers=callers(found, calls)))
        try:
            build(topology, endpoints)
        except ProxyError:
            continue
        await mesh.plane.apply(topology, endpoints)
        taken += 1
    assert mesh.plane.rejected == ()
    assert taken > EXAMPLES * 0.9
