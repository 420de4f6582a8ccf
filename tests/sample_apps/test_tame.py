"""The bakery's slow and flaky dependencies tamed by policy alone, for a while, with the figures before and since."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from tests.integration.harness import Sandbox
from tests.sample_apps.street import BAKERY, send


class Buyers:
    """Two at a time, until told to stop."""

    def __init__(self, port: int) -> None:
        self.statuses: list[tuple[float, int]] = []
        self._port = port
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._buy) for _ in range(2)]

    def __enter__(self) -> Buyers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _buy(self) -> None:
        while not self._end.is_set():
            began = time.time()
            status, _ = send(self._port, "POST", "/api/buns", {})
            self.statuses.append((began, status))


@pytest.mark.network
def test_a_trial_shows_that_policy_alone_tames_the_pantry_and_the_mill(sandbox: Sandbox) -> None:
    app = Path(BAKERY)
    sandbox.up(app)
    gateway = sandbox.ps(app)["gateway"]
    with Buyers(int(gateway.rsplit(":", 1)[1])) as buyers:
        while len(buyers.statuses) < 60:
            time.sleep(0.05)
        done = sandbox.run("traffic", "try", "tame.yaml", "--for", "6s", "-o", "json")
    trial = json.loads(done.stdout)

    assert trial["ended"] == "reverted: its time was over"
    assert trial["before"]["pantry"]["error_ratio"] > 0.05
    for service in ("pantry", "mill"):  # one or two that were asked before it began may end after
        assert trial["now"][service]["error_ratio"] < 0.02
    assert trial["now"]["mill"]["p99"] < trial["before"]["mill"]["p99"]
    bought = [status for began, status in buyers.statuses if trial["began_at"] + 0.5 < began < trial["ends_at"] - 1]
    assert bought and set(bought) == {200}
    assert json.loads(sandbox.run("traffic", "get", "-o", "json", cwd=app).stdout)["drift"] == []
