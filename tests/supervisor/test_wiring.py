"""From a project to addresses: what the proxy listens on and what instances are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sandbox.model import AppProtocol, CalleeRef, External, MeshSettings, Port, Project, Service, Template
from sandbox.proxy.topology import Address, Topology
from sandbox.runtime.docker.layout import CONTAINER, HOST, Layout, Mesh
from sandbox.supervisor.surroundings import Otlp, environment, own, places, with_theirs
from sandbox.supervisor.wiring import DOCKER, Ground, Ingress, moved_edges, parent_proxy, topology
from tests.supervisor.build import a_project, a_service, a_version

PROJECT = a_project(
    a_service("storefront", calls=("orders", "db"), public=True),
    a_service("orders", port=Port(number=9000)),
    a_service("db", port=Port(number=5432, protocol=AppProtocol.TCP)),
)


PROCESSES = Ground()


def mesh(proxy: str) -> Mesh:
    return Mesh(
        layout=Layout(proxy, "the test says so"),
        bind="0.0.0.0" if proxy == CONTAINER else "10.200.0.1",
        ranges={"storefront": "10.200.1.0/24", "orders": "10.200.2.0/24", "db": "10.200.3.0/24"},
        pool="10.200.0.0/17",
        host="10.200.0.1",
        uplink="10.200.0.0/24",
        proxy="10.200.0.2",
    )


def contained(*services: str, proxy: str = HOST) -> Ground:
    return Ground(runtimes=dict.fromkeys(services, DOCKER), mesh=mesh(proxy))


def wire(project: Project, ground: Ground = PROCESSES) -> Topology:
    claimed: dict[str, int] = {}

    def claim(purpose: str) -> int:
        return claimed.setdefault(purpose, 21000 + len(claimed))

    ingress = Ingress(gateway=8080, published={("db", 5432): 15432})
    return topology(project, ingress, claim, Path("/run/out"), None, ground, 4318)


def given(
    project: Project,
    service: str,
    host: dict[str, str] | None = None,
    otlp: Otlp | None = None,
    ground: Ground = PROCESSES,
) -> dict[str, str]:
    place = places(project, wire(project, ground), ground, otlp, host or {})[service]
    found = project.services[service]
    return environment(project, found, found.versions[0], place, host or {})


def test_each_caller_has_listeners_of_its_own() -> None:
    wired = wire(PROJECT)
    binds = [edge.bind for caller in wired.callers for edge in caller.edges]
    binds += [caller.http_proxy for caller in wired.callers if caller.http_proxy]
    assert len(binds) == len(set(binds)) == 5
    storefront = wired.callers[0]
    assert [(edge.callee, edge.port) for edge in storefront.edges] == [("orders", 9000), ("db", 5432)]


def test_the_first_public_service_answers_on_any_host() -> None:
    assert wire(PROJECT).default_service == "storefront"


def test_published_ports_are_on_loopback() -> None:
    (published,) = wire(PROJECT).published
    assert (published.service, published.port, published.bind) == ("db", 5432, Address("127.0.0.1", 15432))


def test_a_caller_is_told_where_its_callees_are() -> None:
    variables = given(PROJECT, "storefront")
    assert variables["ORDERS_URL"] == f"http://127.0.0.1:{variables['ORDERS_PORT']}"
    assert variables["ORDERS_HOST"] == "127.0.0.1"
    assert variables["DB_URL"].startswith("tcp://127.0.0.1:")
    assert "ORDERS_URL" not in given(PROJECT, "orders")


def test_plain_names_work_through_the_callers_own_http_proxy_but_never_for_loopback() -> None:
    variables = given(PROJECT, "storefront", {"NO_PROXY": "intranet, *"})
    assert variables["HTTP_PROXY"] == variables["http_proxy"]
    assert variables["NO_PROXY"] == "localhost,127.0.0.1,::1,intranet"
    assert variables["HTTP_PROXY"] != given(PROJECT, "orders")["HTTP_PROXY"]


def test_names_with_dashes_become_valid_variables() -> None:
    project = a_project(a_service("web", calls=("bread-bin",)), a_service("bread-bin"))
    assert "BREAD_BIN_URL" in given(project, "web")


def test_references_to_callees_are_filled_in_and_the_files_word_wins() -> None:
    version = a_version(environment={"HTTP_PROXY": "mine"})
    version.environment["WHERE"] = Template(("at ", CalleeRef(service="orders", attribute="port"), "!"))  # type: ignore[index]
    project = a_project(a_service("web", version, calls=("orders",)), a_service("orders"))
    variables = given(project, "web")
    assert variables["WHERE"] == f"at {variables['ORDERS_PORT']}!"
    assert variables["HTTP_PROXY"] == "mine"


def test_opentelemetrys_variables() -> None:
    variables = given(PROJECT, "orders", otlp=Otlp(endpoint="http://127.0.0.1:4318", key="k"))
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert variables["OTEL_EXPORTER_OTLP_HEADERS"] == "x-sandbox-key=k"
    assert variables["OTEL_SERVICE_NAME"] == "orders"


def test_an_instance_is_told_its_own_ports_and_names() -> None:
    variables = own("shop", "db", "v1", "db-v1-1", "127.0.0.1", {5432: 20001, 9090: 20002})
    assert variables["PORT"] == variables["PORT_5432"] == "20001"
    assert variables["PORT_9090"] == "20002"
    assert variables["SANDBOX_INSTANCE"] == "db-v1-1"


def test_a_service_without_ports_has_no_port() -> None:
    assert "PORT" not in own("shop", "worker", "v1", "worker-v1-1", "127.0.0.1", {})


def test_the_users_own_proxy_is_kept_for_the_outside() -> None:
    assert parent_proxy({"http_proxy": "http://proxy.corp:3128"}) == Address("proxy.corp", 3128)
    assert parent_proxy({"HTTP_PROXY": "proxy.corp"}) == Address("proxy.corp", 80)
    assert parent_proxy({}) is None
    assert parent_proxy({"HTTP_PROXY": "http://[broken"}) is None


ALL = ("storefront", "orders", "db")


def test_containers_share_the_ports_their_callees_declare_and_are_told_apart_by_range() -> None:
    wired = wire(PROJECT, contained(*ALL))
    storefront = wired.callers[0]
    assert [(edge.callee, edge.bind) for edge in storefront.edges] == [
        ("orders", Address("10.200.0.1", 9000)),
        ("db", Address("10.200.0.1", 5432)),
    ]
    assert [edge.callee for edge in wired.callers[1].undeclared] == ["storefront", "orders", "db"]
    assert [caller.source for caller in wired.callers] == ["10.200.1.0/24", "10.200.2.0/24", "10.200.3.0/24"]
    assert all(caller.http_proxy is None for caller in wired.callers)


def test_containers_find_their_callees_by_name() -> None:
    variables = given(PROJECT, "storefront", {"HOME": "/root"}, ground=contained(*ALL))
    assert variables["ORDERS_URL"] == "http://orders:9000"
    assert (variables["DB_HOST"], variables["DB_PORT"]) == ("db", "5432")
    assert "HTTP_PROXY" not in variables


def test_containers_reach_our_receiver_by_name_through_a_relay_for_the_project_alone() -> None:
    ground = contained(*ALL)
    (relay,) = wire(PROJECT, ground).relays
    assert (relay.bind, relay.to, relay.sources) == (
        Address("10.200.0.1", 4318),
        Address("127.0.0.1", 4318),
        ("10.200.0.0/17",),
    )
    otlp = Otlp(endpoint="http://127.0.0.1:4318", key="k")
    variables = given(PROJECT, "storefront", otlp=otlp, ground=ground)
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://otlp.sandbox.internal:4318"


def test_a_service_on_otlps_own_port_keeps_it() -> None:
    project = a_project(a_service("storefront", port=Port(number=4318)))
    (relay,) = wire(project, contained("storefront")).relays
    assert relay.bind.port == 4319


def test_one_process_among_containers_is_reachable_both_ways() -> None:
    ground = contained("storefront", "db")
    wired = wire(PROJECT, ground)
    orders = wired.callers[1]
    assert orders.source is None
    assert orders.http_proxy is not None
    assert orders.http_proxy.host == "127.0.0.1"
    found = places(PROJECT, wired, ground, None, {"HOME": "/root", "PATH": "/bin"})
    assert found["orders"].listens_on == "127.0.0.1"
    assert found["orders"].inherited == {"HOME": "/root", "PATH": "/bin"}
    assert (found["db"].listens_on, found["db"].inherited) == ("0.0.0.0", {})


def test_with_the_proxy_in_a_container_this_machine_calls_it_over_the_uplink_alone() -> None:
    ground = contained("storefront", "db", proxy=CONTAINER)
    wired = wire(PROJECT, ground)
    assert wired.gateway == Address("10.200.0.2", 8080)
    assert wired.ingress_source == wired.callers[1].source == "10.200.0.0/24"
    assert wired.callers[0].edges[0].bind == Address("0.0.0.0", 9000)
    assert wired.relays[0].to == Address("10.200.0.1", 4318)
    variables = given(PROJECT, "orders", ground=ground)
    assert variables["HTTP_PROXY"].startswith("http://127.0.0.1:")


def test_of_two_callees_on_one_tcp_port_the_second_moves_and_is_named() -> None:
    def tcp(name: str) -> Service:
        return a_service(name, port=Port(number=5432, protocol=AppProtocol.TCP))

    project = a_project(a_service("storefront", calls=("orders", "db")), tcp("orders"), tcp("db"))
    ground = contained(*ALL)
    variables = given(project, "storefront", ground=ground)
    assert (variables["ORDERS_PORT"], variables["DB_HOST"]) == ("5432", "db")
    assert variables["DB_PORT"] != "5432"
    (sentence,) = moved_edges(wire(project, ground), ground)
    assert sentence.startswith(f"storefront finds db:5432 on port {variables['DB_PORT']} (DB_PORT)")


def test_hosts_outside_and_what_the_mesh_says_reach_the_proxy() -> None:
    bank = External(host="bank.example", port=443, tls=True)
    project = replace(
        a_project(a_service("web", calls=("bank",)), replace(a_service("bank"), external=bank)),
        mesh=MeshSettings(declared_only=True, egress=False),
    )
    wired = wire(project)
    assert [one.external for one in wired.services] == [None, bank]
    assert wired.mesh == MeshSettings(declared_only=True, egress=False)


def test_of_the_import_path_what_the_runtime_adds_and_what_the_file_says_both_hold() -> None:
    ours, theirs = {"PATH": "/bin", "PYTHONPATH": "/hook"}, {"PYTHONPATH": "/app", "PATH": "/theirs"}

    assert with_theirs(ours, theirs) == {"PATH": "/theirs", "PYTHONPATH": "/hook:/app"}
    assert with_theirs(ours, {}) == ours
    assert with_theirs({}, {"A": "b"}) == {"A": "b"}
