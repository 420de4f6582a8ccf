"""What goes wrong with containers and engines, done on purpose: each is told with its reason and a next step."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from docker.types import IPAMConfig, IPAMPool

from tests.docker_engine import RealEngine
from tests.integration.containers import PROXY, Cluster, peer, shop
from tests.integration.harness import Sandbox, eventually, free_port, get

GREEDY = "a = bytearray(256 << 20); print(len(a))"
WITHOUT_EXCEPTIONS_FOR_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def script(source: str, **keys: object) -> dict[str, object]:
    """A service that runs a few lines of Python and listens nowhere."""
    return {"image": "${SANDBOX_IMAGE_PYTHON}", "command": ["python3", "-u", "-c", source], **keys}


# --- services -------------------------------------------------------------------------------------------------------


def test_each_service_that_fails_says_why(empty: Cluster) -> None:
    expected = {
        "greedy": r"backoff: ended: .*out of memory \(its limit is 32 MiB\)",
        "quitter": r"backoff: ended: exit code 4",
        "nothing": r"backoff: ended: .*no-such-program: no such file .* in the image; check the command",
        "nowhere": r"failed: registry.invalid/nowhere:1 could not be pulled: .*; check the network",
    }
    empty.write(
        {
            "greedy": script(GREEDY, deploy={"resources": {"limits": {"memory": "32M"}}}),
            "quitter": script("raise SystemExit(4)"),
            "nothing": {"image": "${SANDBOX_IMAGE_PYTHON}", "command": ["no-such-program"]},
            "nowhere": {"image": "registry.invalid/nowhere:1"},
            "fine": peer(),
        }
    )

    said = empty.up(check=1)

    assert re.search(r"error: (greedy|quitter|nothing|nowhere): ", said)
    assert "hint: " in said

    def told() -> bool:
        seen = {one["name"]: f"{one['status']}: {one['reason']}" for one in empty.ps()["services"]}
        assert seen.pop("fine") == "healthy: None"
        wrong = {name: seen[name] for name in expected if not re.match(expected[name], seen[name])}
        assert wrong == {}
        return True

    eventually(told, 15)


def test_a_folder_that_is_not_there_is_made_unless_that_is_ruled_out(empty: Cluster) -> None:
    empty.write({"web": peer(volumes=["./peer.py:/peer.py:ro", "./made:/made"])})
    empty.up()
    assert (empty.folder / "made").is_dir()
    mount = {"type": "bind", "source": "./missing", "target": "/missing", "bind": {"create_host_path": False}}
    empty.write({"web": peer(volumes=["./peer.py:/peer.py:ro", mount])})

    said = empty.up(check=2)

    assert re.search(r"error: .*sandbox.yaml:\d+:\d+: there is no such file or folder: .*/shop/missing", said)
    assert "hint: create it" in said


def test_a_build_that_fails_shows_its_last_lines(empty: Cluster) -> None:
    broken = empty.folder / "broken"
    broken.mkdir()
    (broken / "Dockerfile").write_text(
        f"FROM {empty.engine.image('run')}\nRUN echo 'the flour is gone' >&2; exit 3\nRUN echo unreached\n"
    )
    empty.write({"broken": {"build": "./broken", "ports": ["8000"]}})

    said = empty.up(check=1)

    assert "the flour is gone" in said
    assert "unreached" not in said
    assert "error: broken: failed: the image could not be built" in said
    assert empty.ps()["services"][0]["status"] == "failed"


# --- engines --------------------------------------------------------------------------------------------------------


@contextmanager
def forbidden(folder: Path) -> Iterator[str]:
    """A socket that only its owner, who is somebody else, may use."""
    path = folder / "forbidden.sock"
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0)
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        yield f"unix://{path}"


@contextmanager
def deserted(folder: Path) -> Iterator[str]:
    """A socket that a dead engine left."""
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(folder / "dead.sock"))
    yield f"unix://{folder}/dead.sock"


@contextmanager
def absent(folder: Path) -> Iterator[str]:
    yield f"unix://{folder}/none.sock"


@contextmanager
def remote(folder: Path) -> Iterator[str]:
    yield "tcp://192.0.2.1:2375"


@pytest.mark.parametrize(
    ("engine_at", "reason", "hint"),
    [
        (absent, "there is no engine at", "install Docker"),
        (deserted, "no engine runs behind", "start it"),
        (forbidden, "you may not use", "docker $USER"),
        (remote, "an engine on another machine", "unset DOCKER_HOST"),
    ],
)
def test_without_an_engine_up_says_why_and_how_to_go_on(
    empty: Cluster, engine_at: type, reason: str, hint: str
) -> None:
    empty.write(shop())
    if os.geteuid() == 0:
        empty.user.through = WITHOUT_EXCEPTIONS_FOR_ROOT
    known = empty.user.environment["DOCKER_HOST"]
    with engine_at(empty.user.home) as url:
        empty.user.environment["DOCKER_HOST"] = url
        said = empty.up(check=1)
    empty.user.environment["DOCKER_HOST"] = known

    assert f"error: docker: {reason}" in said or reason in said.split("hint:")[0]
    assert re.search(rf"hint: .*{re.escape(hint)}.*; or use processes: --runtime process", said)
    assert empty.user.left_running() == []


def test_auto_says_why_it_takes_processes(sandbox: Sandbox, shop: Path) -> None:
    sandbox.environment |= {"SANDBOX_RUNTIME": "auto", "DOCKER_HOST": f"unix://{sandbox.home}/none.sock"}
    said = sandbox.up(shop).stdout
    assert f"no Docker engine can be used: there is no engine at {sandbox.home}/none.sock" in said
    assert sandbox.ps(shop)["runtime"] == "process"


# --- ports and addresses --------------------------------------------------------------------------------------------


def test_a_published_port_that_is_taken_moves_and_says_so(empty: Cluster, layout: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        empty.write({"web": peer(ports=[f"{taken}:8000"])}, docker={"proxy": layout})
        said = empty.up()
    moved = re.search(rf"web.*127\.0\.0\.1:(\d+).*because {taken} is taken by .*\(pid {os.getpid()}\)", said)
    assert moved, said
    assert get(f"http://127.0.0.1:{moved[1]}/")["instance"] == "web-v1-1"
    assert ("127.0.0.1", int(moved[1])) in empty.listening()


@contextmanager
def occupied(engine: RealEngine, subnet: str) -> Iterator[None]:
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
    network = engine.api.create_network("occupied-by-a-test", ipam=ipam)["Id"]
    try:
        yield
    finally:
        engine.api.remove_network(network)


def test_ranges_of_addresses_that_are_taken_are_said(empty: Cluster) -> None:
    empty.write(shop(), docker={"address_pools": ["10.99.0.0/16"]})
    with occupied(empty.engine, "10.99.0.0/16"):
        said = empty.up(check=1)
    assert "no range of addresses is free" in said
    assert "10.99.0.0/16" in said
    assert re.search("hint: name a free one: .*address_pools", said)
    assert empty.user.left_running() == []
    empty.up()


def test_a_port_that_is_taken_on_every_address_moves_the_proxy_into_a_container(empty: Cluster) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        taken = server.getsockname()[1]
        services = {"web": peer(public=True, depends_on=["stock"]), "stock": peer(ports=[str(taken)])}
        empty.write(services, docker={"proxy": "host"})
        refused = empty.up(check=1)
        assert f"port {taken} is taken on every address of this machine by" in refused
        assert "use docker: {proxy: auto}" in refused

        empty.write(services, docker={"proxy": "auto"})
        said = empty.up()
        assert f"Envoy runs in a container: port {taken} is taken on every address of this machine by" in said
        assert f"(pid {os.getpid()})" in said
        assert PROXY in empty.containers()
        assert get(empty.ps()["gateway"] + "/via/stock/x")["path"] == "/x"


def test_a_port_for_people_can_be_free_for_the_host_and_not_for_the_engine(empty: Cluster) -> None:
    """Somebody listens on another address of this machine only: our port on 127.0.0.1 is free all the same."""
    port = free_port()
    with socket.create_server(("127.0.0.2", port)):
        empty.write({"web": peer(ports=[f"{port}:8000"])}, docker={"proxy": "container"})
        empty.up()
        assert get(f"http://127.0.0.1:{port}/")["instance"] == "web-v1-1"
