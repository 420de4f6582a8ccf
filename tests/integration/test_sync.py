"""`develop.watch`'s sync in containers of a real engine: nothing restarts, nothing is lost."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.containers import Cluster
from tests.integration.harness import eventually, instances

APP = """
import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            os._exit(7)
        super().do_GET()

os.chdir("/srv/site")
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""

DOCKERFILE = """
FROM {image}
COPY site /srv/site/
RUN test -f /srv/site/page
COPY app.py /
USER 1000
CMD ["python3", "/app.py"]
"""


def open_house(cluster: Cluster, action: str, **rule: Any) -> None:
    """A service that shows the files of a folder which only a whole build would bring anew."""
    web = cluster.folder / "web"
    (web / "site").mkdir(parents=True)
    (web / "app.py").write_text(APP)
    (web / "Dockerfile").write_text(DOCKERFILE.format(image=cluster.engine.image("python")))
    save(cluster, "page", "one")
    watch = [{"path": "./web/site", "action": action, "target": "/srv/site", **rule}]
    healthcheck = {"http": "/page", "interval": "200ms"}
    service = {"build": "./web", "ports": ["8000"], "public": True, "healthcheck": healthcheck}
    cluster.write({"web": {**service, "develop": {"watch": watch}}})
    cluster.up()
    eventually(lambda: page(cluster) == "one")


def save(cluster: Cluster, name: str, text: str) -> Path:
    path = cluster.folder / "web" / "site" / name
    path.write_text(text)
    return path


def page(cluster: Cluster, name: str = "page") -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{cluster.ps()['gateway']}/{name}", timeout=10) as answer:
        return str(answer.read().decode())


def told(cluster: Cluster, kind: str) -> list[dict[str, Any]]:
    lines = cluster.run("events", "-o", "json").splitlines()
    return [event for line in lines if (event := json.loads(line))["kind"] == kind]


def only(cluster: Cluster) -> dict[str, Any]:
    (instance,) = instances(cluster.ps(), "web")
    return dict(instance)


def refuses(look: Callable[[], object]) -> bool:
    try:
        look()
    except OSError:
        return True
    return False


def test_a_synced_page_is_served_by_the_same_container_and_by_the_next(empty: Cluster) -> None:
    open_house(empty, "sync")
    container, image = only(empty)["container"], empty.inspect("web-v1-1")["Image"]

    save(empty, "page", "two").chmod(0o600)  # on this machine it is nobody else's
    old = save(empty, "old", "x")
    eventually(lambda: (page(empty), page(empty, "old")) == ("two", "x"))
    old.unlink()
    eventually(lambda: refuses(lambda: page(empty, "old")))
    assert only(empty)["container"] == container
    assert told(empty, "service_synced")[0]["message"].startswith("web synced in 0.")
    assert told(empty, "service_reloaded") == []

    refuses(lambda: page(empty, "crash"))
    eventually(lambda: only(empty)["restarts"] >= 1 and page(empty) == "two")  # a retry may ask for it again
    assert empty.inspect("web-v1-1")["Image"] == image


def test_sync_and_restart_builds_nothing(empty: Cluster) -> None:
    open_house(empty, "sync+restart", initial_sync=True)
    image = empty.inspect("web-v1-1")["Image"]
    save(empty, "page", "two")
    eventually(lambda: told(empty, "service_reloaded"))
    assert page(empty) == "two"
    assert empty.inspect("web-v1-2")["Image"] == image


def test_a_command_that_fails_is_told_with_what_it_said(empty: Cluster) -> None:
    command = ["sh", "-c", "cat /srv/site/page; exit 3"]
    open_house(empty, "sync+exec", exec={"command": command})
    save(empty, "page", "two")
    (event,) = eventually(lambda: told(empty, "reload_failed"))
    assert event["message"].endswith("ended with exit code 3 in web-v1-1")
    assert event["detail"] == "two"
    assert only(empty)["restarts"] == 0
