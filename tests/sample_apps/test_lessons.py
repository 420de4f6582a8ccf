"""The lessons at the end of the bakery's sandbox.yaml: only `#` signs are taken away, and the buns get better."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.integration.harness import Sandbox
from tests.sample_apps.street import BAKERY, send


def learn(file: Path) -> None:
    """Takes the `#` from every line of the lessons that is YAML."""
    before, lessons = file.read_text().split("  # Lesson 1", 1)
    learnt = re.sub(r"^  # (  |[a-z]+:$)", r"  \1", lessons, flags=re.MULTILINE)
    file.write_text(f"{before}  # Lesson 1{learnt}")


def buy_twenty(gateway: str) -> tuple[list[int], str]:
    bought = [send(int(gateway.rsplit(":", 1)[1]), "POST", "/api/buns", {}) for _ in range(20)]
    return [status for status, _ in bought], json.dumps([json.loads(story) for _, story in bought])


@pytest.mark.network
def test_policy_alone_heals_the_pantry_and_the_mill(sandbox: Sandbox) -> None:
    app = sandbox.home / "bakery"
    shutil.copytree(BAKERY, app, ignore=shutil.ignore_patterns("__pycache__"))
    sandbox.up(app)
    gateway = sandbox.ps(app)["gateway"]
    statuses, stories = buy_twenty(gateway)
    assert statuses.count(503) == 4
    assert "the stones jammed" in stories

    learn(app / "sandbox.yaml")
    sandbox.up(app)

    statuses, stories = buy_twenty(gateway)
    assert statuses == [200] * 20
    assert "the stones jammed" not in stories
    assert all(one["restarts"] == 0 for service in sandbox.ps(app)["services"] for one in service["instances"])
