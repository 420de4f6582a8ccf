"""What is measured of a whole project, asked with the commands, while its supervisor and its proxy are killed."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.integration.harness import Sandbox, eventually, get, kill, proxy_pid, supervisor_pid

CALLS = 12


def test_numbers_outlive_supervisor_and_proxy(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    gateway = sandbox.ps(shop)["gateway"]

    def calls() -> None:
        for _ in range(CALLS):
            get(gateway + "/via/stock/")

    calls()
    eventually(lambda: requests(sandbox, shop, "web", "stock") == CALLS)
    eventually(lambda: kept(sandbox, shop, "stock") > 0)
    killed = time.time()
    kill(supervisor_pid(sandbox))
    kill(proxy_pid(sandbox))

    def counted_again() -> bool:
        get(gateway + "/via/stock/")
        return bool(edge(sandbox, shop, "web", "stock")["requests_per_second"])

    eventually(counted_again)
    calls()

    eventually(lambda: kept(sandbox, shop, "stock", f"since={killed}") > 0)
    assert kept(sandbox, shop, "stock", f"until={killed}") > 0
    stat = json.loads(sandbox.run("stat", "-e", "-o", "json", cwd=shop).stdout)
    assert {(one["caller"], one["callee"]) for one in stat["edges"]} >= {("gateway", "web"), ("web", "stock")}


def test_what_instances_use_and_what_prometheus_reads(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    ps = sandbox.ps(shop)
    get(ps["gateway"] + "/via/stock/")

    def used() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(sandbox.run("top", "-o", "json", cwd=shop).stdout)
        return found

    eventually(lambda: len(used()) == 3)
    assert all(one["memory"] > 1 << 20 and one["open_files"] > 2 for one in used())
    eventually(lambda: 'source_workload="web"' in exposed(sandbox, ps["ui"]))

    def routes() -> list[tuple[str, str, bool]]:
        """Of the gateway, in the last seconds, and whether their times are known."""
        get(ps["gateway"] + "/via/stock/")
        found = json.loads(sandbox.run("stat", "--routes", "-o", "json", cwd=shop).stdout)["routes"]
        return [(one["service"], one["route"], one["p95"] is not None) for one in found]

    eventually(lambda: routes() == [("web", "web default", True)])
    assert 'sandbox_route_duration_milliseconds_count{route="web default"' in exposed(sandbox, ps["ui"])


def edge(sandbox: Sandbox, shop: Path, caller: str, callee: str) -> dict[str, Any]:
    graph = json.loads(sandbox.run("edges", "-o", "json", cwd=shop).stdout)
    found: dict[str, Any] = next(one for one in graph["edges"] if (one["caller"], one["callee"]) == (caller, callee))
    return found


def requests(sandbox: Sandbox, shop: Path, caller: str, callee: str) -> int:
    """In the last seconds."""
    stat = json.loads(sandbox.run("stat", "-e", "-o", "json", cwd=shop).stdout)
    found = [one["signals"] for one in stat["edges"] if (one["caller"], one["callee"]) == (caller, callee)]
    return int(sum(round(one["requests_per_second"] * one["window"]) for one in found))


def kept(sandbox: Sandbox, shop: Path, callee: str, when: str = "") -> int:
    """In the store, as the API tells it: about as many, for on a busy machine a reading is of more than its second."""
    token = token_of(sandbox)
    url = f"{sandbox.ps(shop)['ui']}/api/metrics?metrics=requests&callee={callee}&step=1&{when}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        found = json.load(answer)
    return int(sum(round((value or 0) * found["step"]) for one in found["series"] for value in one["values"]))


def token_of(sandbox: Sandbox) -> str:
    (path,) = sandbox.state.glob("projects/*/token")
    return path.read_text().strip()


def exposed(sandbox: Sandbox, ui: str) -> str:
    request = urllib.request.Request(f"{ui}/metrics", headers={"Authorization": f"Bearer {token_of(sandbox)}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        text: str = answer.read().decode()
    return text
