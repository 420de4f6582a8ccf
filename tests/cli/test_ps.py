"""`sandbox ps`: a table for people, JSON as CONTRACTS has it for scripts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from sandbox.cli.main import main
from sandbox.cli.ps import as_table
from sandbox.cli.style import Style
from sandbox.control import PassedOver, ProjectStatus, Status
from tests.fakes import data
from tests.fakes.control import FakeControl

PLAIN = Style(enabled=False)


def table(status: ProjectStatus, *, instances: bool = False, width: int | None = None) -> list[str]:
    return as_table(status, data.NOW + 185, with_instances=instances, width=width, style=PLAIN).splitlines()


def crashing() -> ProjectStatus:
    instance = replace(data.instance("orders-v1-1"), status=Status.BACKOFF, restarts=4, reason="exit code 1")
    orders = data.service("orders", status=Status.BACKOFF, reason="exit code 1", instances=(instance,))
    return data.project(data.service("storefront", url="http://storefront.localhost:8080/"), orders)


def test_a_table_a_person_can_read() -> None:
    assert table(crashing()) == [
        "bakery (process) · gateway http://127.0.0.1:8080 · ui http://127.0.0.1:8090",
        "",
        "SERVICE     STATUS   READY  VERSION  RESTARTS  AGE    ADDRESS                            REASON",
        "storefront  healthy  1/1    v1                 3m 5s  http://storefront.localhost:8080/",
        "orders      backoff  0/1    v1       4         3m 5s  8000                               exit code 1",
    ]


def test_a_healthy_project_fits_a_small_terminal() -> None:
    assert max(map(len, table(data.project(), width=80))) <= 80


def test_reasons_go_below_where_they_do_not_fit_beside() -> None:
    narrow, wide = table(crashing(), width=90), table(crashing(), width=100)

    assert wide == table(crashing())
    assert "REASON" not in narrow[2]
    assert narrow[-1] == "orders: exit code 1"


def test_a_version_that_gets_no_traffic_is_told() -> None:
    one = PassedOver(rule=1, versions=("v2",), instead=("v1",), sentence="rule 1 of orders: v2 has no ready instance")
    orders = replace(data.service("orders"), passed_over=(one,))

    assert table(data.project(orders))[-1] == "warning: rule 1 of orders: v2 has no ready instance"


def test_of_a_service_of_which_nothing_is_wanted_nothing_is_missing() -> None:
    orders = replace(data.service("orders", status=Status.STOPPING), replicas=0, ready=0)

    assert table(data.project(orders))[-1].split()[:3] == ["orders", "stopping", "–"]


def test_with_instances() -> None:
    lines = table(crashing(), instances=True)

    assert [line.split()[0] for line in lines[3:]] == ["storefront", "storefront-v1-1", "orders", "orders-v1-1"]
    assert " ".join(lines[-1].split()) == "orders-v1-1 backoff v1 4 3m 5s 127.0.0.1:43121 pid 4242 exit code 1"


def test_trouble_of_the_proxy_and_notices_are_told() -> None:
    proxy = replace(data.project().proxy, status=Status.BACKOFF, reason="exit code 1", rejected=("no such cluster",))
    notice = "port 8080 is taken by nginx (pid 12), the gateway is on 20123"
    status = replace(data.project(notices=(notice,)), proxy=proxy)

    assert table(status)[-3:] == [
        "proxy: backoff: exit code 1",
        "proxy refused: no such cluster",
        f"note: {notice}",
    ]


def test_json_has_the_keys_of_the_contract(bakery: FakeControl, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "-o", "json"]) == 0

    status = json.loads(capsys.readouterr().out)
    assert {"project", "runtime", "gateway", "ui", "services"} <= status.keys()
    service = status["services"][0]
    assert {"name", "status", "url", "replicas", "ready", "instances"} <= service.keys()
    keys = {"id", "version", "status", "address", "pid", "container", "restarts", "started_at", "reason"}
    assert keys <= service["instances"][0].keys()
    assert status["project"] == "bakery"
    assert service["instances"][0]["started_at"] == "2026-01-01T00:00:00Z"
    assert service["instances"][0]["container"] is None


def test_yaml_says_the_same(bakery: FakeControl, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ps", "-o", "json"])
    as_json = json.loads(capsys.readouterr().out)
    main(["ps", "-o", "yaml"])

    assert yaml.safe_load(capsys.readouterr().out) == as_json
