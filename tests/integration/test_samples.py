"""The sample apps as a newcomer starts them: by name, from an empty folder."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.integration.harness import Sandbox, eventually

BAKERY = {"storefront", "orders", "steamer", "kneader", "mill", "pantry"}


def buy(gateway: str, **headers: str) -> dict[str, Any]:
    """One bun's story; a pantry that dropped a sack is asked again, as the page does."""

    def once() -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{gateway}/api/buns", method="POST", headers=headers)
        with opener.open(request, timeout=10) as answer:
            story: dict[str, Any] = json.loads(answer.read())
            return story

    return eventually(once, 20)


def project_of(sandbox: Sandbox, app: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sandbox.run("ps", "--project", app, "-o", "json").stdout)
    return found


@pytest.mark.network
def test_a_bun_touches_every_service_of_the_bakery(sandbox: Sandbox) -> None:
    sandbox.run("up", "bakery", "-d")
    ps = project_of(sandbox, "bakery")
    assert {service["name"]: service["status"] for service in ps["services"]} == dict.fromkeys(BAKERY, "healthy")
    story = json.dumps(buy(ps["gateway"]))
    for service in BAKERY:
        assert f'"{service}"' in story
    canary = json.dumps(buy(ps["gateway"], **{"x-canary": "true"}))
    assert "steamer-v2-1" in canary
    sandbox.run("down", "--project", "bakery")
    assert sandbox.left_running() == []
    again = sandbox.run("up", "bakery", "-d", "--timeout", "30s").stdout
    assert "healthy" in again


def test_hello_is_one_file_and_answers(sandbox: Sandbox) -> None:
    sandbox.run("up", "hello", "-d")
    gateway = project_of(sandbox, "hello")["gateway"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{gateway}/", timeout=10) as answer:
        assert "hello" in answer.read().decode().lower()


def test_an_unknown_app_is_answered_with_the_samples(sandbox: Sandbox) -> None:
    wrong = sandbox.run("up", "bakary", "-d", check=2)
    assert "bakery" in wrong.stderr


def test_a_folder_without_a_configuration_says_what_to_do(sandbox: Sandbox) -> None:
    wrong = sandbox.run("up", "-d", check=2)
    assert "sandbox init" in wrong.stderr


def test_init_makes_a_folder_runnable(sandbox: Sandbox) -> None:
    app = sandbox.home / "mine"
    app.mkdir()
    (app / "app.py").write_text(
        "import os\nfrom http.server import *\n"
        "HTTPServer((os.environ['HOST'], int(os.environ['PORT'])), SimpleHTTPRequestHandler).serve_forever()\n"
    )
    sandbox.run("init", cwd=app)
    sandbox.run("up", "-d", cwd=app)
    assert sandbox.ps(app)["services"][0]["status"] == "healthy"
