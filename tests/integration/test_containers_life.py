"""From nothing to a cluster of containers, through its changes and crashes, and back to nothing."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.docker_engine import RealEngine
from tests.integration.containers import PROXY, Cluster, listeners, peer, shop, stranger
from tests.integration.harness import Traffic, eventually, get, instances, kill, proxy_pid, supervisor_pid

EVERYBODY = {"web-v1-1", "stock-v1-1", "stock-v1-2"}


def healthy(cluster: Cluster) -> dict[str, Any]:
    """What `ps` says once all is well."""

    def look() -> dict[str, Any]:
        ps = cluster.ps()
        assert {service["status"] for service in ps["services"]} == {"healthy"}, ps
        return ps

    return eventually(look)


def answering(cluster: Cluster) -> set[str]:
    """The replicas of `stock` that take requests."""
    gateway = cluster.ps()["gateway"]
    return {get(f"{gateway}/via/stock/")["instance"] for _ in range(12)}


# --- changes --------------------------------------------------------------------------------------------------------


def test_scale_changes_only_what_it_must(mesh: Cluster) -> None:
    before = mesh.containers()
    mesh.run("scale", "stock=3")
    mesh.run("wait")
    assert eventually(lambda: answering(mesh) == {"stock-v1-1", "stock-v1-2", "stock-v1-3"})
    mesh.run("scale", "stock=1")
    mesh.run("wait")
    eventually(lambda: mesh.containers().keys() == before.keys() - {"stock-v1-2"})
    assert answering(mesh) == {"stock-v1-1"}
    mesh.run("scale", "stock=2")
    mesh.run("wait")
    assert mesh.containers().items() >= {key: before[key] for key in before if key != "stock-v1-2"}.items()
    assert mesh.containers().keys() == before.keys()
    assert len(mesh.networks()) == (1 if PROXY not in before else len(before))  # one each, and the uplink


def test_restart_replaces_the_containers_and_keeps_what_they_said(mesh: Cluster) -> None:
    before = mesh.containers()
    get(mesh.ps()["gateway"] + "/via/stock/before-the-restart")
    with Traffic(mesh.ps()["gateway"] + "/via/stock/") as traffic:
        traffic.goes_on()
        mesh.run("restart", "stock")
        eventually(lambda: set(mesh.containers().values()).isdisjoint(of(before, "stock").values()))
        mesh.run("wait")
        traffic.goes_on()
    assert traffic.failures == []
    assert len(of(mesh.containers(), "stock")) == 2
    assert mesh.containers()["web-v1-1"] == before["web-v1-1"]
    assert "before-the-restart" in mesh.run("logs", "stock")


def of(containers: dict[str, str], service: str) -> dict[str, str]:
    return {instance: container for instance, container in containers.items() if instance.startswith(f"{service}-")}


def test_a_changed_variable_is_rolled_out_and_no_request_fails(mesh: Cluster) -> None:
    services, before = shop(), mesh.containers()
    services["stock"]["environment"] = {"GRAIN": "rye"}
    mesh.write(services)
    with Traffic(mesh.ps()["gateway"] + "/via/stock/") as traffic:
        traffic.goes_on()
        mesh.up()
        eventually(lambda: set(mesh.containers().values()).isdisjoint(of(before, "stock").values()))
        healthy(mesh)
        traffic.goes_on()
    assert traffic.failures == []
    assert mesh.run("exec", "stock", "--", "sh", "-c", "echo $GRAIN") == "rye\n"
    assert mesh.containers()["web-v1-1"] == before["web-v1-1"]


def test_a_stopped_service_has_no_containers_until_it_is_started(mesh: Cluster) -> None:
    mesh.run("stop", "stock")
    mesh.run("wait", "stock", "--for", "stopped")
    eventually(lambda: not of(mesh.containers(), "stock"))
    mesh.run("start", "stock")
    mesh.run("wait")
    assert len(answering(mesh)) == 2


# --- nothing stays --------------------------------------------------------------------------------------------------


def said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def traces(cluster: Cluster) -> list[str]:
    """What the project put into this machine's network: interfaces, and so routes and rules."""
    bridges = [f"br-{network['Id'][:12]}" for network in cluster.networks()]
    ports = [port.name for bridge in bridges for port in Path("/sys/class/net", bridge, "brif").iterdir()]
    return bridges + ports


def still_there(traces: list[str]) -> list[str]:
    """By the names of interfaces: a project beside this one may have the addresses next to its own, or take them when
    they are free. Forwarders of published ports are among `listeners`."""
    found = [name for name in traces if Path("/sys/class/net", name).exists()]
    for look in (("ip", "route"), ("iptables-save",)):
        found += [line for line in said(*look).splitlines() if any(name in line for name in traces)]
    return found


@contextmanager
def belongings(engine: RealEngine) -> Iterator[Callable[[], object]]:
    """Somebody else's container, network and volume, one of each with Compose's labels. Tells what became of them."""
    name = f"theirs-{uuid.uuid4().hex[:6]}"
    labels = {"com.docker.compose.project": name}
    with ExitStack() as stack:
        network = engine.api.create_network(name, labels=labels)["Id"]
        stack.callback(engine.api.remove_network, network)
        volume = engine.api.create_volume(name, labels=labels)["Name"]
        stack.callback(engine.api.remove_volume, volume)
        container = stack.enter_context(stranger(engine, name))

        def look() -> object:
            return (
                {key: engine.api.inspect_container(container)[key] for key in ("Id", "State", "Config")},
                engine.api.inspect_network(network),
                engine.api.inspect_volume(volume),
            )

        yield look


def test_down_leaves_nothing_and_touches_nothing_of_others(empty: Cluster, layout: str) -> None:
    empty.write(shop(), docker={"proxy": layout})
    with belongings(empty.engine) as look:
        before = look()
        empty.up()
        traces_of, ports = traces(empty), empty.listening()
        mounted = {mount["Name"] for one in EVERYBODY for mount in empty.inspect(one)["Mounts"] if "Name" in mount}
        assert len(traces_of) >= 4
        assert still_there(traces_of)

        empty.run("down")

        assert [one for one in empty.engine.leftovers(empty.id) if not one.startswith("image")] == []
        assert still_there(traces_of) == []
        assert {volume["Name"] for volume in empty.engine.api.volumes()["Volumes"] or ()}.isdisjoint(mounted)
        assert {one for one, _ in listeners()}.isdisjoint(ports)
        assert empty.user.left_running() == []
        assert empty.user.left_on_disk() == []
        assert look() == before


def test_a_named_volume_outlives_down_and_goes_with_purge(empty: Cluster) -> None:
    kept = peer(volumes=["./peer.py:/peer.py:ro", "grain:/grain", "/scratch"])
    empty.write({"stock": kept}, volumes={"grain": None})
    empty.up()
    empty.inside("stock-v1-1", "open('/grain/rye', 'w').write('a sack')")
    empty.run("down")
    assert empty.engine.leftovers(empty.id) == [f"volume {empty.id}_grain"]
    empty.up()
    assert empty.inside("stock-v1-1", "print(open('/grain/rye').read())") == "a sack\n"
    empty.run("down", "--purge")
    assert empty.engine.leftovers(empty.id) == []


# --- crashes --------------------------------------------------------------------------------------------------------


def test_a_killed_supervisor_is_replaced_and_traffic_does_not_notice(mesh: Cluster) -> None:
    before, gateway = mesh.containers(), mesh.ps()["gateway"]
    with Traffic(f"{gateway}/via/stock/") as traffic:
        traffic.goes_on()
        kill(supervisor_pid(mesh.user))
        healthy(mesh)
        traffic.goes_on()
        # The new supervisor steers the same proxy: what it changes takes effect.
        mesh.run("scale", "stock=3")
        eventually(lambda: len(answering(mesh)) == 3)
    assert traffic.failures == []
    assert mesh.containers().items() >= before.items()
    mesh.run("scale", "stock=2")
    mesh.run("wait")


def test_a_killed_proxy_comes_back(mesh: Cluster) -> None:
    before, gateway = mesh.containers(), mesh.ps()["gateway"]
    if PROXY in before:
        mesh.engine.api.kill(before[PROXY])
        eventually(lambda: mesh.containers().get(PROXY) not in (before[PROXY], None), 10)
    else:
        kill(proxy_pid(mesh.user))
    eventually(lambda: get(f"{gateway}/via/stock/")["instance"].startswith("stock"), 10)
    healthy(mesh)
    assert {one: id for one, id in mesh.containers().items() if one != PROXY}.items() <= before.items()


def test_a_killed_container_comes_back_as_another(mesh: Cluster) -> None:
    before = mesh.containers()
    victim = min(of(before, "stock"))
    with Traffic(mesh.ps()["gateway"] + "/via/stock/") as traffic:
        traffic.goes_on()
        mesh.engine.api.kill(before[victim])
        eventually(lambda: mesh.containers().get(victim) not in (before[victim], None))
        healthy(mesh)
        traffic.goes_on()
    assert traffic.failures == []
    assert [one["restarts"] for one in instances(mesh.ps(), "stock") if one["id"] == victim] == [1]


Moment = Callable[[Cluster], bool]


def networks(count: int) -> Moment:
    return lambda cluster: len(cluster.networks()) >= count


def containers(count: int) -> Moment:
    return lambda cluster: len(cluster.containers()) >= count


def started(count: int) -> Moment:
    def look(cluster: Cluster) -> bool:
        wanted = {"label": [f"dev.sandbox.project={cluster.id}"], "status": ["running"]}
        return len(cluster.engine.api.containers(filters=wanted)) >= count

    return look


def listening(cluster: Cluster) -> bool:
    return (cluster.user.state / "projects" / cluster.id / "run" / "api.sock").exists()


MOMENTS: dict[tuple[str, str], Moment] = {
    ("host", "a supervisor"): lambda cluster: supervisor_pid(cluster.user) > 0,
    ("host", "a network"): networks(1),
    ("host", "the API"): listening,
    ("host", "a container"): containers(1),
    ("host", "one runs"): started(1),
    ("container", "an uplink"): networks(1),
    ("container", "a proxy"): containers(1),
    ("container", "two networks"): networks(2),
    ("container", "all networks"): networks(4),
    ("container", "two run"): started(2),
}


@pytest.mark.parametrize(
    ("layout", "moment"),
    [("host", "a network"), ("host", "a container"), ("container", "an uplink"), ("container", "two networks")],
    indirect=["layout"],
)
def test_down_in_the_middle_of_up(empty: Cluster, layout: str, moment: str) -> None:
    empty.write(shop(), docker={"proxy": layout})
    with empty.user.started("up", empty.folder, "-d"):
        eventually(lambda: MOMENTS[layout, moment](empty))
        empty.run("down")
    assert empty.engine.leftovers(empty.id) == []
    assert empty.user.left_running() == []


@pytest.mark.parametrize(("layout", "moment"), MOMENTS, indirect=["layout"])
def test_a_supervisor_killed_while_it_provisions(empty: Cluster, layout: str, moment: str) -> None:
    empty.write(shop(), docker={"proxy": layout})
    with empty.user.started("up", empty.folder, "-d"):
        eventually(lambda: MOMENTS[layout, moment](empty))
        kill(supervisor_pid(empty.user))
        empty.up()
    assert empty.containers().keys() == EVERYBODY | ({PROXY} if layout == "container" else set())
    assert len(empty.networks()) == (4 if layout == "container" else 1)
    assert answering(empty) == {"stock-v1-1", "stock-v1-2"}
    empty.run("down")
    assert empty.engine.leftovers(empty.id) == []
    assert empty.user.left_running() == []
