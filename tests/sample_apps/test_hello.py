from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from tests.sample_apps.street import HELLO, running, send


def test_it_greets_and_says_which_instance_did(tmp_path: Path) -> None:
    named = {"SANDBOX_INSTANCE": "hello-v1-2", "GREETING": "Good morning"}
    with running(Path(sys.executable), HELLO, tmp_path / "log", **named) as hello:
        assert send(hello.port, "GET", "/", {}) == (200, b"Good morning from hello-v1-2\n")


def test_it_runs_alone(tmp_path: Path) -> None:
    with running(Path(sys.executable), HELLO, tmp_path / "log") as hello:
        assert send(hello.port, "GET", "/", {}) == (200, b"Hello from hello, all alone\n")
        assert hello.lines() == [f"hello listens on http://127.0.0.1:{hello.port}", "GET / 200"]


def test_sigterm_ends_it_at_once(tmp_path: Path) -> None:
    with running(Path(sys.executable), HELLO, tmp_path / "log") as hello:
        asked = time.monotonic()
        hello.process.send_signal(signal.SIGTERM)
        assert hello.process.wait(5) == 0
        assert time.monotonic() - asked < 1
