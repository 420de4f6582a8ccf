"""A save of sandbox.yaml is applied as a difference: what it does not concern goes on as if nothing had happened."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.integration.harness import Sandbox, Traffic, eventually, free_port
from tests.integration.load import code

Instances = dict[str, set[int]]


class House:
    """Two services that share a folder, and requests all the time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.folder = sandbox.home / "house"
        shared = {"path": "./shared", "action": "restart"}
        ports = {"gateway": {"port": free_port()}, "ui": {"port": free_port()}}
        self.services = {name: self.service(name, develop={"watch": [shared]}) for name in ("mill", "oven")}
        self.services["mill"]["public"] = True
        self.services["shop"] = self.service("shop")
        self.rest: dict[str, Any] = {"name": "house", **ports, "telemetry": {"otlp": {"port": free_port()}}}
        (self.folder / "shared").mkdir()
        self.save()

    def service(self, name: str, **keys: Any) -> dict[str, Any]:
        (self.folder / name).mkdir(parents=True)
        (self.folder / name / "app.py").write_text(code(1))
        return {"build": f"./{name}", "ports": ["8000"], "healthcheck": {"interval": "200ms"}, **keys}

    def save(self, **more: Any) -> None:
        self.rest |= more
        (self.folder / "sandbox.yaml").write_text(yaml.safe_dump({**self.rest, "services": self.services}))

    def ps(self) -> dict[str, Any]:
        return self.sandbox.ps(self.folder)

    @property
    def running(self) -> Instances:
        return {one["name"]: {each["pid"] for each in one["instances"]} for one in self.ps()["services"]}

    def settled(self) -> Instances:
        """Once every service has one healthy instance and nothing more."""
        statuses = [[each["status"] for each in one["instances"]] for one in self.ps()["services"]]
        assert all(found == ["healthy"] for found in statuses)
        return self.running


@pytest.fixture
def house(sandbox: Sandbox) -> Iterator[House]:
    made = House(sandbox)
    sandbox.up(made.folder)
    with Traffic(made.ps()["gateway"]) as traffic:
        traffic.goes_on()
        yield made
    assert traffic.failures == []


def test_a_change_of_traffic_touches_no_instance(house: House) -> None:
    gateway, before = house.ps()["gateway"], house.running
    house.save(traffic={"mill": {"rules": [{"timeouts": {"request": "1s"}, "backendRefs": [{"version": "v1"}]}]}})
    eventually(lambda: status_of(f"{gateway}/slow") == 504)
    assert house.running == before


def test_an_added_service_starts_alone_and_a_removed_one_ends_alone(house: House) -> None:
    before = house.running
    house.services["till"] = house.service("till")
    house.save()
    eventually(lambda: len(house.ps()["services"]) == 4)
    after = eventually(house.settled)
    assert {name: pids for name, pids in after.items() if name != "till"} == before
    del house.services["till"]
    house.save()
    eventually(lambda: house.running == before)


def test_a_change_of_environment_rolls_that_service(house: House) -> None:
    before = house.running
    house.services["mill"]["environment"] = {"STONE": "new"}
    house.save()
    eventually(lambda: house.running["mill"].isdisjoint(before["mill"]))
    after = eventually(house.settled)
    assert [name for name in after if after[name] == before[name]] == ["oven", "shop"]


def test_a_save_in_a_shared_folder_reloads_those_that_share_it(house: House) -> None:
    before = house.running
    (house.folder / "shared" / "prices.py").write_text("BUN = 2\n")
    eventually(lambda: all(house.running[name].isdisjoint(before[name]) for name in ("mill", "oven")))
    assert eventually(house.settled)["shop"] == before["shop"]


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
