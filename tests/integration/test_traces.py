"""The bakery, whose services know nothing of traces."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.integration.harness import Sandbox, eventually
from tests.integration.test_samples import BAKERY, buy


def traces(sandbox: Sandbox, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sandbox.run("trace", "-o", "json", *words).stdout)
    return found


def at_least(count: int, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return found if len(found) >= count else []


def whole(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The first bun that came without a fault, on its whole way."""
    return next((one for one in found if set(one["services"]) == BAKERY and not one["error"]), {})


@pytest.mark.network
def test_a_bun_is_one_trace_over_six_services_and_failures_are_kept(sandbox: Sandbox) -> None:
    sandbox.run("up", "bakery", "-d")
    gateway = json.loads(sandbox.run("ps", "-o", "json").stdout)["gateway"]
    try:
        buy(gateway)
        bun = eventually(lambda: whole(traces(sandbox)))
        assert (bun["root"], bun["status"]) == ("gateway POST /api/buns", 200)
        shown = sandbox.run("trace", bun["id"][:8]).stdout
        assert all(name in shown for name in BAKERY)
        assert max(map(len, shown.splitlines())) <= 80

        assert sandbox.run("trace", "--sample", "0").stdout == "no request is traced\n"
        sandbox.run("trace", "--sample", "1")
        tapping = subprocess.Popen(
            sandbox.command("tap", "pantry", "-n", "1", "-o", "json"),
            env=sandbox.env(),
            cwd=sandbox.home,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(20):
            buy(gateway)
        assert tapping.stdout is not None
        tapped = json.loads(tapping.stdout.readline())
        tapping.wait(10)
        tapping.stdout.close()
        assert (tapped["callee"], tapped["method"]) == ("pantry", "GET")
        failed = eventually(lambda: at_least(3, traces(sandbox, "--errors")))
        assert {one["status"] for one in failed} == {503}
        assert all(one["services"][0] == "storefront" and "pantry" in one["services"] for one in failed)
    finally:
        sandbox.run("down")
