"""Alerts and the timeline of a real project, and what a new supervisor knows of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.integration.harness import Sandbox, eventually, get, kill, supervisor_pid

ALERTS = """
alerts:
  rules:
    - {name: busy, when: requests(web) > 0.01, for: 0s, severity: info}
  notify:
    command: [sh, -c, 'echo "$$SANDBOX_ALERT_RULE of $$SANDBOX_ALERT_SUBJECT is $$SANDBOX_ALERT_STATE" >> told']
"""


def alerts(sandbox: Sandbox, shop: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sandbox.run("alerts", "-o", "json", cwd=shop).stdout)
    return found


def messages(sandbox: Sandbox, shop: Path) -> list[str]:
    lines = sandbox.run("events", "-o", "json", cwd=shop).stdout.splitlines()
    return [json.loads(line)["message"] for line in lines]


def test_an_alert_of_your_own_is_told_and_outlives_the_supervisor(sandbox: Sandbox, shop: Path) -> None:
    file = shop / "sandbox.yaml"
    file.write_text(file.read_text() + ALERTS)
    sandbox.up(shop)
    gateway = sandbox.ps(shop)["gateway"]
    sandbox.run("load", "--trickle", "on", "--path", "/", cwd=shop)

    eventually(lambda: [one["rule"] for one in alerts(sandbox, shop)] == ["busy"])
    eventually(lambda: (shop / "told").read_text() == "busy of web is firing\n")
    before = messages(sandbox, shop)
    assert any(message.startswith("alert: requests of web is ") for message in before)

    sandbox.run("alerts", "--silence", "busy", cwd=shop)
    kill(supervisor_pid(sandbox))
    eventually(lambda: any("a new supervisor took over" in message for message in messages(sandbox, shop)))
    after = messages(sandbox, shop)
    assert after[: len(before)] == before
    [standing] = alerts(sandbox, shop)
    assert standing["state"] == "firing"
    assert standing["silenced_until"] is not None
    trickle = json.loads(sandbox.run("load", "--trickle", "on", "--path", "/", "-o", "json", cwd=shop).stdout)
    assert trickle["on"]
    assert get(gateway)["path"] == "/"
    assert time.time() - standing_since(standing) < 120

    sandbox.down(shop)
    state = next((sandbox.state / "projects").iterdir())
    assert not [name for name in ("events.jsonl", "alerts.json", "trickle.json") if (state / name).exists()]


def standing_since(alert: dict[str, Any]) -> float:
    from datetime import datetime

    return datetime.fromisoformat(alert["since"]).timestamp()


def test_load_goes_to_private_services_as_a_caller_of_theirs(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)

    private = json.loads(sandbox.run("load", "stock", "--rps", "50", "--for", "1s", "-o", "json", cwd=shop).stdout)
    public = json.loads(sandbox.run("load", "web", "--rps", "50", "--for", "1s", "-o", "json", cwd=shop).stdout)
    assert [(one["caller"], one["requests"], one["failed"]) for one in (private, public)] == [
        ("web", 50, 0),
        ("gateway", 50, 0),
    ]

    def counted() -> set[tuple[str, str]]:
        edges = json.loads(sandbox.run("edges", "-o", "json", cwd=shop).stdout)["edges"]
        return {(edge["caller"], edge["callee"]) for edge in edges if edge["requests_per_second"]}

    eventually(lambda: counted() >= {("web", "stock"), ("gateway", "web")})
