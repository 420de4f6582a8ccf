"""Small projects of containers, and looks at them from the engine's side and from within."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from docker.errors import APIError

from sandbox.paths import ProjectPaths, project_id
from sandbox.runtime.docker.sweep import sweep_containers
from tests.docker_engine import RealEngine
from tests.integration.harness import SERVICE, Sandbox, free_port
from tests.integration.street import APP

PROXY = "envoy"
"""What the proxy's container is called among the instances."""

LAYOUTS = ("host", "container")
"""Where Envoy runs."""

DIAL = """
import socket, sys
for peer in sys.argv[1:]:
    host, _, port = peer.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=0.7) as connection:
            connection.sendall(b"GET / HTTP/1.1\\r\\nHost: stock:8000\\r\\nConnection: close\\r\\n\\r\\n")
            print(peer, "answers" if connection.recv(1) else "hangs up")
    except OSError as error:
        print(peer, type(error).__name__)
"""
"""Tells of every address in its arguments whether anybody talks HTTP there: "10.0.0.1:8000 TimeoutError"."""


def peer(**keys: Any) -> dict[str, Any]:
    """A service that runs `harness.SERVICE` in a stock image, without a build."""
    return {
        "image": "${SANDBOX_IMAGE_PYTHON}",
        "command": ["python3", "-u", "/peer.py"],
        "volumes": ["./peer.py:/peer.py:ro"],
        "ports": ["8000"],
        **keys,
    }


def shop() -> dict[str, Any]:
    """`web` is public and calls `stock`, which has two replicas."""
    fast = {"interval": "200ms"}
    return {
        "web": peer(public=True, depends_on=["stock"], healthcheck={"http": "/healthz", **fast}),
        "stock": peer(deploy={"replicas": 2}),
    }


def lane(outside: str) -> dict[str, Any]:
    """`till` is public and calls `orders`, which has two versions, and those `pantry`; `bank` is a host outside."""
    fast = {"http": "/healthz", "interval": "200ms"}

    def one(**keys: Any) -> dict[str, Any]:
        files = {"command": ["python3", "-u", "/street.py"], "volumes": ["./street.py:/street.py:ro"]}
        return {**peer(**files), "healthcheck": fast, **keys}

    return {
        "till": one(public=True, depends_on=["orders", "pantry", "bank"]),
        "orders": one(depends_on=["pantry"], versions={"v1": {}, "v2": {}}),
        "pantry": one(),
        "bank": {"external": outside},
    }


LANE: Mapping[str, Any] = {
    "orders": {
        "rules": [
            {"matches": [{"path": "/shared"}], "backendRefs": [{"version": "v1"}, {"version": "v2"}]},
            {
                "matches": [{"path": "/copied"}],
                "backendRefs": [{"version": "v1"}],
                "filters": [{"requestMirror": {"backendRef": {"version": "v2"}}}],
            },
            {"matches": [{"headers": {"x-to": "v2"}}], "backendRefs": [{"version": "v2"}]},
            {"backendRefs": [{"version": "v1"}]},
        ]
    },
    "pantry": {
        "rules": [
            {"matches": [{"path": "/out", "headers": {"x-user": "me"}}], "fault": {"abort": {"httpStatus": 503}}},
            {"matches": [{"path": "/late", "from": ["orders"]}], "fault": {"delay": {"fixedDelay": "400ms"}}},
            {"matches": [{"path": "/flaky"}], "retry": {"attempts": 1, "codes": [503]}},
            {"matches": [{"path": "/slow"}], "timeouts": {"request": "100ms"}},
            {"matches": [{"path": "/scarce"}], "rateLimit": {"requests": 3, "per": "1h"}},
        ],
        "authorization": [{"action": "DENY", "from": ["orders"], "paths": ["/private*"]}],
    },
    "bank": {"rules": [{"matches": [{"path": "/closed"}], "fault": {"abort": {"httpStatus": 503}}}]},
}
"""How requests travel along the lane: a sample of the vocabulary."""


@dataclass
class Cluster:
    """A project of containers, its user, and the engine it runs in."""

    user: Sandbox
    engine: RealEngine
    folder: Path

    def write(self, services: Mapping[str, Any], **keys: Any) -> None:
        """The project's file. Ports that people know are free ones, unless `keys` say otherwise."""
        (self.folder / "peer.py").write_text(SERVICE)
        (self.folder / "street.py").write_text(APP)
        document = {"name": self.folder.name, "services": dict(services), **self._front(), **keys}
        (self.folder / "sandbox.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    def _front(self) -> dict[str, Any]:
        written = self.folder / "sandbox.yaml"
        if written.exists():
            known = yaml.safe_load(written.read_text())
            return {key: known[key] for key in ("gateway", "ui", "telemetry", "docker") if key in known}
        otlp = {"otlp": {"port": free_port()}}
        return {"gateway": {"port": free_port()}, "ui": {"port": free_port()}, "telemetry": otlp}

    def up(self, *words: str, check: int | None = 0) -> str:
        """What it said."""
        done = self.user.run("up", self.folder, "-d", *words, check=check)
        return done.stdout + done.stderr

    def run(self, *words: str, check: int | None = 0) -> str:
        return self.user.run(*words, cwd=self.folder, check=check).stdout

    def ps(self) -> dict[str, Any]:
        return self.user.ps(self.folder)

    @property
    def gateway(self) -> int:
        """The port that the file prefers, and that was free."""
        return int(yaml.safe_load((self.folder / "sandbox.yaml").read_text())["gateway"]["port"])

    @property
    def id(self) -> str:
        return project_id(self.folder.name, self.folder)

    @property
    def pool(self) -> str:
        """The project's range of addresses."""
        kept = ProjectPaths(self.user.state, self.id).docker / "network.json"
        return str(json.loads(kept.read_text())["plan"]["pool"])

    def inspect(self, instance: str) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.api.inspect_container(f"{self.id}-{instance}")
        return found

    def containers(self) -> dict[str, str]:
        """Instance → the id of its container, also of those that ended."""
        wanted = {"label": [f"dev.sandbox.project={self.id}"]}
        found = self.engine.api.containers(all=True, filters=wanted)
        return {one["Labels"]["dev.sandbox.instance"]: one["Id"] for one in found}

    def networks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.api.networks(filters={"label": f"dev.sandbox.project={self.id}"})
        return found

    def address(self, instance: str) -> str:
        (network,) = self.inspect(instance)["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def proxy_of(self, instance: str) -> str:
        """The address at which an instance finds the proxy."""
        hosts = self.inspect(instance)["HostConfig"]["ExtraHosts"]
        return next(str(one).rpartition(":")[2] for one in hosts if one.startswith("stock:"))

    def addresses_of_the_proxy(self) -> set[str]:
        """Wherever Envoy listens for instances, or might."""
        found = {self.proxy_of(instance) for instance in self.containers() if instance != PROXY}
        if PROXY in self.containers():
            networks = self.inspect("proxy")["NetworkSettings"]["Networks"].values()
            found |= {str(network["IPAddress"]) for network in networks}
        return found

    def inside(self, instance: str, source: str, *words: str) -> str:
        """What a Python program prints in an instance's container."""
        return execute(self.engine, self.inspect(instance)["Id"], source, *words)

    def listening(self) -> set[tuple[str, int]]:
        """Addresses at which the project's processes on this machine, the engine's forwarders among them, listen."""
        state, published = str(self.user.state), self._published()
        return {one for one, pid in listeners() if one[1] in published or self._is_ours(pid, state)}

    def _published(self) -> set[int]:
        ports = set()
        for container in self.containers().values():
            for bindings in (self.engine.api.inspect_container(container)["NetworkSettings"]["Ports"] or {}).values():
                ports |= {int(binding["HostPort"]) for binding in bindings or ()}
        return ports

    def _is_ours(self, pid: int | None, state: str) -> bool:
        with suppress(psutil.Error):
            return pid is not None and state in " ".join(psutil.Process(pid).cmdline())
        return False


@contextmanager
def cluster(user: Sandbox, engine: RealEngine, name: str = "shop") -> Iterator[Cluster]:
    """A folder for a project of containers, which leaves nothing in the engine but what was there."""
    folder = user.home / name
    folder.mkdir()
    user.environment |= {"SANDBOX_RUNTIME": "docker", **engine.variables}
    found = Cluster(user, engine, folder)
    try:
        yield found
    finally:
        paths = ProjectPaths(user.state, found.id)
        if paths.state.exists():
            user.run("down", "--purge", "--project", found.id, check=None)
        if left := engine.leftovers(found.id):
            sweep_containers(paths, {**os.environ, **engine.variables})
    assert left == []


@contextmanager
def stranger(engine: RealEngine, network: str = "bridge", address: str | None = None) -> Iterator[str]:
    """The id of a container that belongs to nobody's project."""
    api = engine.api
    endpoint = api.create_endpoint_config(ipv4_address=address)
    made = api.create_container(
        engine.image("python"),
        ["sleep", "600"],
        networking_config=api.create_networking_config({network: endpoint}),
        host_config=api.create_host_config(network_mode=network, init=True),
    )["Id"]
    try:
        api.start(made)
        yield made
    finally:
        with suppress(APIError):
            api.remove_container(made, force=True, v=True)


def listeners() -> Iterator[tuple[tuple[str, int], int | None]]:
    """Where anything on this machine listens: address, port and process."""
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr:
            ip, port = one.laddr
            yield (str(ip).removeprefix("::ffff:"), int(port)), one.pid


def execute(engine: RealEngine, container: str, source: str, *words: str) -> str:
    """What a Python program prints in a container, its errors included."""
    made = engine.api.exec_create(container, ["python3", "-c", source, *words])
    said: bytes = engine.api.exec_start(made)
    return said.decode()


def dialled(said: str) -> dict[str, str]:
    """What `DIAL` printed: address → what happened."""
    return dict(line.split(" ", 1) for line in said.splitlines())


def held_off(ask: Callable[[], str], *friends: str) -> dict[str, str]:
    """What `DIAL` tells of everybody but `friends`, asked again when somebody could be connected to.

    An engine before 28 takes its isolation out for the moment in which it makes any network (moby:
    iptables.EnsureJumpRule), as a test beside this one may have it do.
    """
    seen: dict[str, str] = {}
    for _ in range(3):
        told = dialled(ask())
        assert all(told.pop(friend) == "answers" for friend in friends), told
        seen = told
        if set(seen.values()) <= {"TimeoutError", "ConnectionRefusedError"}:
            break
    return seen
