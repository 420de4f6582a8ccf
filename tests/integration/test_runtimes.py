"""The sample apps under every runtime: one file, the same answers, and the same `ps` but for what names a place."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.shipped import SAMPLE_APPS, shipped
from tests.docker_engine import RealEngine
from tests.integration.harness import Sandbox, eventually, get

SAMPLES = Path(str(shipped(SAMPLE_APPS)))
TOOLCHAINS = {"polyglot": ("node", "npm", "go", "java", "mvn")}  # of a host that runs it as processes
PLACES = ("address", "pid", "container", "started_at")


class User:
    """Somebody with one runtime."""

    def __init__(self, sandbox: Sandbox, runtime: str, engine: RealEngine | None) -> None:
        self._sandbox = sandbox
        self._engine = engine
        self.runtime = runtime
        sandbox.environment |= {"SANDBOX_RUNTIME": runtime, **(engine.variables if engine else {})}

    def up(self, app: str) -> dict[str, Any]:
        """A sample app, as `ps` shows it."""
        if self._engine is None and (missing := [tool for tool in TOOLCHAINS.get(app, ()) if not shutil.which(tool)]):
            pytest.skip(f"not installed: {', '.join(missing)}")
        copy = self.folder(app)  # Maven writes into it
        shutil.copytree(SAMPLES / app, copy)
        self._sandbox.run("up", copy, "-d", "--timeout", "280s", within=290)
        found: dict[str, Any] = json.loads(self._sandbox.run("ps", "--project", app, "-o", "json").stdout)
        return found

    def folder(self, app: str) -> Path:
        return self._sandbox.home / app

    def said(self, app: str, *words: str) -> str:
        return self._sandbox.run(*words, "--project", app).stdout

    def purge(self, app: str, id: str) -> None:
        """Nothing stays, wherever it was."""
        self._sandbox.run("down", "--project", app, "--purge")
        assert self._sandbox.left_running() == []
        assert self._engine is None or self._engine.leftovers(id) == []


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def user(request: pytest.FixtureRequest, sandbox: Sandbox) -> User:
    engine = request.getfixturevalue("engine") if request.param == "docker" else None
    return User(sandbox, request.param, engine)


def as_declared(app: str) -> Iterator[dict[str, Any]]:
    """What `ps` says of a sample app's services when all is well."""
    for name, keys in yaml.safe_load((SAMPLES / app / "sandbox.yaml").read_text())["services"].items():
        versions, replicas = list(keys.get("versions", ["v1"])), keys.get("deploy", {}).get("replicas", 1)
        ids = [(version, f"{name}-{version}-{index + 1}") for version in versions for index in range(replicas)]
        yield {
            "name": name,
            "status": "healthy",
            "reason": None,
            "url": f"http://{name}.localhost/" if keys.get("public") else None,
            "ports": keys["ports"],
            "versions": versions,
            "depends_on": keys.get("depends_on", []),
            "replicas": len(ids),
            "ready": len(ids),
            "instances": [
                {"id": id, "version": version, "status": "healthy", "start": "cold", "restarts": 0, "reason": None}
                for version, id in ids
            ],
            "passed_over": [],
        }


def without_places(service: dict[str, Any]) -> dict[str, Any]:
    instances = [{key: one[key] for key in one if key not in PLACES} for one in service["instances"]]
    url = service["url"] and re.sub(r":\d+/$", "/", service["url"])  # the gateway's port
    return {**service, "url": url, "instances": instances}


def instances(ps: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for service in ps["services"] for one in service["instances"]]


@pytest.mark.network
@pytest.mark.timeout(330)  # what is compiled has the cores to itself only when it is alone
@pytest.mark.parametrize("app", ["hello", "bakery", "polyglot"])
def test_ps_is_the_same_but_for_places(user: User, app: str) -> None:
    ps = user.up(app)

    assert (ps["project"], ps["runtime"]) == (app, user.runtime)
    assert [without_places(service) for service in ps["services"]] == list(as_declared(app))
    for one in instances(ps):
        assert re.fullmatch(r"[\d.]+:\d+", one["address"])
        assert (one["container"] is not None) == (user.runtime == "docker")
    addresses = [one["address"] for one in instances(ps)]
    assert len(set(addresses)) == len(addresses)
    if app == "bakery":
        edit_the_shop_window(user, ps["gateway"])
    if app == "polyglot":
        a_quote_passes_through_four_languages(ps["gateway"])
    user.purge(app, ps["id"])


def edit_the_shop_window(user: User, gateway: str) -> None:
    """As a person who has just met the bakery does it: the page changes, and the event says why and how fast."""
    page = user.folder("bakery") / "storefront" / "page.html"
    assert "Fresh from the editor" not in read(gateway)
    page.write_text(page.read_text().replace("</title>", ", Fresh from the editor</title>"))
    eventually(lambda: "Fresh from the editor" in read(gateway), 20)
    wanted = r"storefront reloaded in \d+\.\d+ s after a save of storefront/page\.html\b"
    eventually(lambda: re.search(wanted, user.said("bakery", "events", "storefront")), 10)


def read(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return str(answer.read().decode())


def a_quote_passes_through_four_languages(gateway: str) -> None:
    def quote(**headers: str) -> list[tuple[str, str]]:
        """Asks again when the clerk is on the ladder."""
        story = eventually(lambda: get(f"{gateway}/api/quote?tea=sencha", headers), 20)
        return [(hop["instance"], hop["language"].split()[0]) for hop in story["path"]]

    assert quote() == [
        ("storefront-v1-1", "Node"),
        ("cart-v1-1", "Go"),
        ("prices-v1-1", "Java"),
        ("stock-v1-1", "Python"),
        ("depot-v1-1", "Java"),
    ]
    assert quote(**{"x-canary": "true"})[2] == ("prices-v2-1", "Go")


def test_toolchains_that_are_missing_are_named(sandbox: Sandbox) -> None:
    programs = sandbox.home / "bin"
    programs.mkdir()
    for tool in ("sh", "env", "node", "npm"):
        if (found := shutil.which(tool)) is not None:
            (programs / tool).symlink_to(found)
    sandbox.environment["PATH"] = str(programs)

    shutil.copytree(SAMPLES / "polyglot", sandbox.home / "polyglot")
    failed = sandbox.run("up", sandbox.home / "polyglot", "-d", check=1)

    ps = json.loads(sandbox.run("ps", "--project", "polyglot", "-o", "json").stdout)
    reasons = {service["name"]: service["reason"] or "" for service in ps["services"]}
    assert re.search(r"\bgo\b.* not installed", reasons["cart"])
    assert re.search(r"\bjava\b.* not installed", reasons["prices"])
    assert re.search(r"\b(java|mvn)\b.* not installed", reasons["depot"])
    assert "not installed" in failed.stderr
    assert "hint: " in failed.stderr
