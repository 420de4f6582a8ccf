"""Between steering and the rest: what the proxy refuses is taken back, and records become heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import RequestHead
from sandbox.daemon.notices import Notices
from sandbox.daemon.steering import SteeredProxy, _store, recorded_heads
from sandbox.errors import ProxyError, RefusedPolicyError
from sandbox.events import Bus
from sandbox.model import TrafficPolicy
from sandbox.model.records import RequestRecord
from sandbox.paths import ProjectPaths
from sandbox.proxy.control_plane import AddressTakenError
from sandbox.proxy.topology import Address, MeshService, Topology
from sandbox.traffic.whatif import Recorded

POLICY = TrafficPolicy(concurrency=3)
WIRED = Topology(
    gateway=Address("127.0.0.1", 8080),
    default_service=None,
    services=(MeshService(name="mill", versions=("v1",), ports=()),),
    callers=(),
    published=(),
    outbound_socket=Path("/run/out.sock"),
)


class ScriptedKeeper:
    """Serves what is published last, unless it refuses policies or does not settle."""

    def __init__(self) -> None:
        self.published: list[TrafficPolicy] = []
        self.topologies: list[Topology] = []
        self.refuses = False
        self.error = ProxyError("no such filter")
        self.settles = True

    def publish(self, *, topology: Topology) -> None:
        self.published.append(topology.services[0].policy)
        self.topologies.append(topology)

    async def settled(self, patience: float) -> bool:
        return self.settles

    confirmed = settled

    @property
    def refusal(self) -> ProxyError | None:
        return self.error if self.refuses and self.published[-1] == POLICY else None


@pytest.fixture
def keeper() -> ScriptedKeeper:
    return ScriptedKeeper()


@pytest.fixture
def proxy(keeper: ScriptedKeeper) -> SteeredProxy:
    proxy = SteeredProxy(keeper)  # type: ignore[arg-type]
    proxy.publish(WIRED, {})
    return proxy


async def test_policies_are_laid_over_the_topology(proxy: SteeredProxy, keeper: ScriptedKeeper) -> None:
    assert await proxy.enforce({"mill": POLICY}) == ""
    assert keeper.published == [TrafficPolicy(), POLICY]


async def test_what_envoy_refuses_is_taken_back(proxy: SteeredProxy, keeper: ScriptedKeeper) -> None:
    keeper.refuses = True

    with pytest.raises(ProxyError, match="refused it: no such filter"):
        await proxy.enforce({"mill": POLICY})

    assert keeper.published == [TrafficPolicy(), POLICY, TrafficPolicy()]


async def test_a_project_that_is_refused_gives_way_to_the_one_before(
    proxy: SteeredProxy, keeper: ScriptedKeeper
) -> None:
    keeper.refuses = True
    bigger = replace(WIRED, services=(*WIRED.services, MeshService(name="store", versions=("v1",), ports=())))

    with pytest.raises(ProxyError):
        await proxy.offer(bigger, {"mill": POLICY})

    assert keeper.topologies[-1] == WIRED and proxy.policies == {}


async def test_a_port_that_is_taken_is_no_fault_of_the_policies(proxy: SteeredProxy, keeper: ScriptedKeeper) -> None:
    keeper.refuses, keeper.error = True, AddressTakenError("cannot bind", ())

    assert await proxy.offer(replace(WIRED, gateway=Address("127.0.0.1", 8081)), {"mill": POLICY}) == ""

    assert keeper.published[-1] == POLICY


async def test_a_change_that_meets_a_taken_port_names_the_port(proxy: SteeredProxy, keeper: ScriptedKeeper) -> None:
    keeper.refuses, keeper.error = True, AddressTakenError("cannot bind", (Address("127.0.0.1", 8080),))

    with pytest.raises(ProxyError) as refused:
        await proxy.enforce({"mill": POLICY})

    assert (refused.value.place, "free the port" in refused.value.hint) == ("127.0.0.1:8080", True)


async def test_what_is_refused_late_is_known_once_envoy_has_answered(
    proxy: SteeredProxy, keeper: ScriptedKeeper
) -> None:
    keeper.settles = False
    await proxy.enforce({"mill": POLICY})
    keeper.refuses, keeper.error = True, RefusedPolicyError("Envoy refuses it", place="traffic.mill")
    assert await proxy.refusal() is None

    keeper.settles = True

    assert await proxy.refusal() is keeper.error


async def test_a_proxy_that_does_not_answer_is_said(proxy: SteeredProxy, keeper: ScriptedKeeper) -> None:
    keeper.settles = False

    assert "has not confirmed it yet" in await proxy.enforce({"mill": POLICY})


def test_records_of_requests_to_services_become_heads() -> None:
    record = RequestRecord(
        at=5.0,
        duration=0.1,
        method="GET",
        host="mill",
        path="/x?y",
        status=200,
        flags="",
        cluster="edge|kneader|mill|v1|8000",
        upstream="",
        rule="",
        attempts=1,
        traceparent="",
        headers={"x-user": "me"},
    )
    head = RequestHead(service="mill", path="/x?y", headers={"x-user": "me"}, caller="kneader")

    assert recorded_heads([record, replace(record, cluster="outside")]) == (Recorded(at=5.0, head=head),)


def test_a_disk_that_can_not_keep_revisions_keeps_no_project_from_running(tmp_path: Path) -> None:
    bus = Bus()

    store = _store(ProjectPaths(tmp_path / "nowhere", "shop"), Notices(bus))

    assert store.newest() is None
    assert "changes of traffic are forgotten when the supervisor ends" in bus.history()[0].message
    store.close()
