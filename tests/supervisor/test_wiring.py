"""From a project to addresses: what the proxy listens on and what instances are told."""

from __future__ import annotations

from pathlib import Path

from sandbox.model import AppProtocol, CalleeRef, Port, Project, Template
from sandbox.proxy.topology import Address, Topology
from sandbox.supervisor.wiring import Ingress, Otlp, environment, own, parent_proxy, topology
from tests.supervisor.build import a_project, a_service, a_version

PROJECT = a_project(
    a_service("storefront", calls=("orders", "db"), public=True),
    a_service("orders", port=Port(number=9000)),
    a_service("db", port=Port(number=5432, protocol=AppProtocol.TCP)),
)


def wire(project: Project) -> Topology:
    claimed: dict[str, int] = {}

    def claim(purpose: str) -> int:
        return claimed.setdefault(purpose, 21000 + len(claimed))

    return topology(project, Ingress(gateway=8080, published={("db", 5432): 15432}), claim, Path("/run/out"), None)


def given(
    project: Project, service: str, host: dict[str, str] | None = None, otlp: Otlp | None = None
) -> dict[str, str]:
    wired = wire(project)
    caller = next(caller for caller in wired.callers if caller.name == service)
    found = project.services[service]
    return environment(project, found, found.versions[0], caller, otlp, host or {})


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
    variables = own("shop", "db", "v1", "db-v1-1", {5432: 20001, 9090: 20002})
    assert variables["PORT"] == variables["PORT_5432"] == "20001"
    assert variables["PORT_9090"] == "20002"
    assert variables["SANDBOX_INSTANCE"] == "db-v1-1"


def test_a_service_without_ports_has_no_port() -> None:
    assert "PORT" not in own("shop", "worker", "v1", "worker-v1-1", {})


def test_the_users_own_proxy_is_kept_for_the_outside() -> None:
    assert parent_proxy({"http_proxy": "http://proxy.corp:3128"}) == Address("proxy.corp", 3128)
    assert parent_proxy({"HTTP_PROXY": "proxy.corp"}) == Address("proxy.corp", 80)
    assert parent_proxy({}) is None
    assert parent_proxy({"HTTP_PROXY": "http://[broken"}) is None
