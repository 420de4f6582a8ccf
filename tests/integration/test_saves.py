"""What a person meets who saves files: new code, broken code, a broken configuration, a pause."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.harness import SERVICE, Sandbox, eventually, get

BROKEN = SERVICE + "\ndef unfinished(:\n"


def told(sandbox: Sandbox, shop: Path) -> list[dict[str, Any]]:
    """The newest of what happened to the service web that is about a reload."""
    lines = sandbox.run("events", "web", "-o", "json", cwd=shop).stdout.splitlines()
    return [event for event in map(json.loads, lines) if event["reload"]]


def web(sandbox: Sandbox, shop: Path) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.ps(shop)["services"][0]
    return found


def test_good_code_serves_and_broken_code_names_its_line(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    gateway = sandbox.ps(shop)["gateway"]
    (shop / "web" / "app.py").write_text(SERVICE.replace('"path": self.path', '"path": "new"'))
    eventually(lambda: get(gateway)["path"] == "new")
    eventually(lambda: len(told(sandbox, shop)) == 1)
    [event] = told(sandbox, shop)
    assert event["message"].startswith("web reloaded in ")
    assert "after a save of web/app.py" in event["message"]
    assert list(event["reload"]["seconds"]) == ["seen", "started", "ready", "switched", "drained"]

    (shop / "web" / "app.py").write_text(BROKEN)
    eventually(lambda: len(told(sandbox, shop)) == 2)
    line = BROKEN.splitlines().index("def unfinished(:") + 1
    reason = f"app.py:{line}: SyntaxError: invalid syntax; the previous one serves on"
    assert told(sandbox, shop)[1]["message"] == f"web failed to reload after a save of web/app.py: {reason}"
    assert web(sandbox, shop)["reason"] == reason
    assert get(gateway)["path"] == "new"

    (shop / "web" / "app.py").write_text(SERVICE)
    eventually(lambda: get(gateway)["path"] == "/")
    eventually(lambda: web(sandbox, shop)["reason"] is None)


def test_by_hand_it_waits_and_says_how_it_went(sandbox: Sandbox, shop: Path) -> None:
    sandbox.run("up", shop, "-d", "--no-watch")
    before = get(sandbox.ps(shop)["gateway"])["instance"]
    assert "off" in sandbox.run("watch", cwd=shop).stdout
    done = sandbox.run("reload", "web", cwd=shop)
    assert done.stdout.startswith("✓ web reloaded in ")
    assert " by hand" in done.stdout
    assert get(sandbox.ps(shop)["gateway"])["instance"] != before

    (shop / "web" / "app.py").write_text(BROKEN)
    [report] = json.loads(sandbox.run("reload", "web", "-o", "json", cwd=shop, check=1).stdout)
    assert "SyntaxError" in report["error"]
    assert "SyntaxError" in sandbox.run("reload", "web", cwd=shop, check=1).stderr


def test_a_pause_holds_saves_back_and_up_says_what_holds(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    gateway = sandbox.ps(shop)["gateway"]
    sandbox.run("watch", "--pause", cwd=shop)
    (shop / "web" / "app.py").write_text(SERVICE.replace('"path": self.path', '"path": "new"'))
    eventually(lambda: sandbox.ps(shop)["watch"]["waiting"] == {"web": 1})
    assert "paused" in sandbox.run("ps", cwd=shop).stdout
    assert get(gateway)["path"] == "/"
    sandbox.run("watch", "--resume", cwd=shop)
    eventually(lambda: get(gateway)["path"] == "new")
    sandbox.run("up", shop, "-d", "--no-watch")
    assert sandbox.ps(shop)["watch"]["state"] == "paused"


def test_a_broken_configuration_stands_until_it_is_mended(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    good = (shop / "sandbox.yaml").read_text()
    (shop / "sandbox.yaml").write_text(good.replace("public: true", "pubic: true"))
    eventually(lambda: sandbox.ps(shop)["warnings"])
    line = good.splitlines().index("    public: true") + 1
    warning = f'sandbox.yaml:{line}:5: unknown key "pubic" in web; did you mean public?'
    assert sandbox.ps(shop)["warnings"] == [f"{warning}; nothing changes until sandbox.yaml is mended"]
    assert f"warning: {warning}" in sandbox.run("ps", cwd=shop).stdout
    assert get(sandbox.ps(shop)["gateway"])
    (shop / "sandbox.yaml").write_text(good)
    eventually(lambda: sandbox.ps(shop)["warnings"] == [])
