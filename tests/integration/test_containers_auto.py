"""`telemetry: {auto: true}` in a container whose image knows nothing of it, with OpenTelemetry's own packages."""

from __future__ import annotations

import json
import shutil
import sysconfig
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.integration.containers import Cluster
from tests.integration.harness import eventually

PARTS = ("aiohttp", "aiohappyeyeballs", "aiosignal", "attr", "attrs", "frozenlist", "idna", "multidict", "propcache")
MORE = ("yarl", "typing_extensions.py")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SOURCE = """
import os
from aiohttp import web
app = web.Application()
app.router.add_get("/{path:.*}", lambda request: web.json_response({}))
if __name__ == "__main__":
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), shutdown_timeout=0.1)
"""


def bring(folder: Path) -> None:
    """A server of Python's that the instrumentation knows, out of our own packages: no image has to be built."""
    ours = Path(sysconfig.get_path("purelib"))
    for name in (*PARTS, *MORE):
        copy: Any = shutil.copytree if (ours / name).is_dir() else shutil.copy
        copy(ours / name, folder / name)
    for distribution in ours.glob("aiohttp-*.dist-info"):  # by which the instrumentation knows that it is there
        shutil.copytree(distribution, folder / distribution.name)
    (folder / "web.py").write_text(SOURCE)


@pytest.mark.network
@pytest.mark.docker
def test_spans_come_from_inside_a_container(empty: Cluster) -> None:
    app = empty.folder / "app"
    app.mkdir()
    bring(app)
    empty.write(
        {
            "web": {
                "image": "${SANDBOX_IMAGE_PYTHON}",
                "command": ["python3", "/app/web.py"],
                "volumes": ["./app:/app:ro"],
                "environment": {"PYTHONPATH": "/app"},
                "ports": ["8000"],
                "public": True,
            }
        }
    )
    file = empty.folder / "sandbox.yaml"
    file.write_text(file.read_text().replace("telemetry:", "telemetry:\n  auto: true"))
    empty.up("--timeout", "140s")
    traced = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(empty.ps()["gateway"], headers=traced), timeout=10).close()

    def inside() -> list[str]:
        found = json.loads(empty.run("trace", TRACE, "-o", "json", check=None) or "{}")
        return [one["service"] for one in found.get("spans", ()) if not one["from_proxy"]]

    assert eventually(inside) == ["web"]
