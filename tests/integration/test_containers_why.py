"""`why` over containers: what only they have, and a sample of the rest."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from tests.integration.containers import Cluster, peer
from tests.integration.harness import eventually, get

GREEDY = "a = bytearray(256 << 20); print(len(a))"
DEAF = "import http.server as h; h.HTTPServer(('127.0.0.1', 9000), h.SimpleHTTPRequestHandler).serve_forever()"


def script(source: str, **keys: Any) -> dict[str, Any]:
    return {"image": "${SANDBOX_IMAGE_PYTHON}", "command": ["python3", "-u", "-c", source], **keys}


def causes(cluster: Cluster, target: str) -> dict[str, str]:
    """Kind by service."""
    found = json.loads(cluster.run("why", target, "-o", "json"))
    return {cause["service"]: cause["kind"] for cause in reversed(found["causes"])}


def test_causes_are_named_in_containers_too(empty: Cluster) -> None:
    empty.write(
        {
            "web": peer(public=True, depends_on=["stock", "greedy", "deaf"]),
            "stock": peer(),
            "greedy": script(GREEDY, deploy={"resources": {"limits": {"memory": "32M"}}}),
            "deaf": script(DEAF, ports=["8000"]),
        }
    )
    empty.up("--timeout", "20s", check=1)

    eventually(lambda: causes(empty, "web").items() >= {"greedy": "out_of_memory", "deaf": "listens_elsewhere"}.items())
    empty.run("traffic", "fault", "stock", "--abort", "503")
    gateway = empty.ps()["gateway"]

    def told() -> bool:
        with suppress(OSError):
            get(f"{gateway}/via/stock/x")
        return causes(empty, "web").get("stock") == "fault_injected"

    eventually(told)
    assert causes(empty, "http://stock.localhost/") == {"stock": "route_nothing"}
