"""A cluster of containers, seen by its user, by the containers themselves, and in the engine. In both layouts."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv4Network

import pytest
from docker.errors import APIError

from sandbox.api.client import Client
from sandbox.paths import ProjectPaths
from tests.integration.containers import DIAL, Cluster, execute, held_off, peer, stranger
from tests.integration.harness import eventually, get, instances
from tests.integration.street import Street

POST = """
import os, sys, urllib.error, urllib.request
headers = {"Content-Type": os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"].replace("http/", "application/x-")}
if sys.argv[1:] == ["with the key"]:
    headers |= dict(pair.split("=", 1) for pair in os.environ["OTEL_EXPORTER_OTLP_HEADERS"].split(","))
url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
try:
    print(urllib.request.urlopen(urllib.request.Request(url, b"", headers), timeout=5).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""

FORGE = """
import fcntl, socket, struct, sys
def attempt(what, work):
    try:
        work()
        print(what, "works")
    except OSError as error:
        print(what, type(error).__name__)
def take_address():
    interface = b"eth0:1".ljust(16, b"\\0")
    address = struct.pack("!HH4s8x", socket.AF_INET << 8, 0, socket.inet_aton(sys.argv[1]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
        fcntl.ioctl(any, 0x8916, interface + struct.pack("H2x4s8x", socket.AF_INET, socket.inet_aton(sys.argv[1])))
attempt("another address", take_address)
attempt("raw packets", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP))
attempt("raw frames", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
"""


def counted(mesh: Cluster, caller: str, callee: str) -> int:
    """The requests of the last seconds, as Envoy counted them."""
    seen = asyncio.run(Client(ProjectPaths(mesh.user.state, mesh.id).api_socket).telemetry())
    edges = [edge.signals for edge in seen.edges if (edge.caller, edge.callee) == (caller, callee)]
    return sum(round(signals.requests_per_second * signals.window) for signals in edges)


def test_calls_by_url_and_by_plain_name_go_through_envoy(mesh: Cluster) -> None:
    gateway = mesh.ps()["gateway"]
    eventually(lambda: get(gateway) and counted(mesh, "gateway", "web"))  # what came before the first look is no news
    eventually(lambda: counted(mesh, "web", "stock") == 0)

    for _ in range(5):
        assert get(f"{gateway}/via/stock/by-url")["path"] == "/by-url"
        assert get(f"{gateway}/name/stock:8000/by-name")["path"] == "/by-name"

    eventually(lambda: counted(mesh, "web", "stock") == 10)
    assert counted(mesh, "gateway", "web") >= 10


# --- steering, a sample of what tests/integration/test_traffic.py has of processes ------------------------------------


@pytest.fixture
def lane(mesh: Cluster) -> Street:
    """Its requests go to the till."""
    return Street(mesh.user, mesh.folder, mesh.gateway, host="till.localhost")


def test_versions_share_requests_and_get_copies(lane: Street) -> None:
    answered = lane.answers("/via/orders/shared", 60)
    assert answered.total() == 60 and min(answered["orders-v1"], answered["orders-v2"]) >= 10, answered

    before = lane.seen("v2")
    assert lane.answers("/via/orders/copied", 5) == {"orders-v1": 5}
    eventually(lambda: lane.seen("v2") == before + 5)


def test_faults_hit_those_that_a_header_or_the_caller_names(lane: Street) -> None:
    assert lane.answers("/via/pantry/out", 3, x_user="me") == {"503": 3}
    assert lane.answers("/via/pantry/out", 3) == {"pantry-v1": 3}

    began = time.monotonic()
    assert lane.answers("/via/orders/via/pantry/late", 1) == {"pantry-v1": 1}
    assert time.monotonic() - began >= 0.4


def test_what_fails_is_tried_again_what_is_slow_ends_and_what_is_too_much_is_refused(lane: Street) -> None:
    assert lane.answers("/via/pantry/flaky", 6) == {"pantry-v1": 6}
    assert lane.answers("/via/pantry/slow", 2) == {"504": 2}
    assert lane.answers("/via/pantry/scarce", 5) == {"pantry-v1": 3, "429": 2}


def test_who_may_not_call_is_refused_and_named(lane: Street) -> None:
    refused = lane.get("/via/orders/via/pantry/private")

    assert refused.status == 403 and "orders may not send this to pantry" in refused.body["error"]
    assert lane.answers("/via/pantry/private", 2) == {"pantry-v1": 2}


def test_a_host_outside_is_called_over_tls_that_envoy_speaks(lane: Street) -> None:
    answer = lane.get("/via/bank/rates")

    assert (answer.status, answer.me, answer.body["path"]) == (200, "outside", "/rates"), answer
    assert answer.body["host"].rpartition(":")[0].count(".") == 3  # its own name, not `bank`
    assert lane.answers("/via/bank/closed", 2) == {"503": 2}


def test_a_change_is_in_force_at_once_and_taken_back(lane: Street) -> None:
    lane.traffic("route", "orders", "v2")
    assert lane.answers("/via/orders/", 5) == {"orders-v2": 5}

    lane.traffic("rollback")
    assert lane.answers("/via/orders/", 5) == {"orders-v1": 5}


# --- calls and isolation ----------------------------------------------------------------------------------------------


def test_requests_go_to_every_replica(mesh: Cluster) -> None:
    gateway = mesh.ps()["gateway"]
    answered = {get(f"{gateway}/via/stock/")["instance"] for _ in range(20)}
    assert answered == {"stock-v1-1", "stock-v1-2"}


def test_no_instance_reaches_another_but_through_the_proxy(mesh: Cluster) -> None:
    stock, twin, web = (f"{mesh.address(one)}:8000" for one in ("stock-v1-1", "stock-v1-2", "web-v1-1"))

    for caller, callees in (("web-v1-1", (stock, twin)), ("stock-v1-1", (twin, web))):
        seen = held_off(partial(mesh.inside, caller, DIAL, *callees))
        assert seen == dict.fromkeys(callees, "TimeoutError")


def test_an_instance_reaches_the_proxy_at_its_own_address_and_no_other(mesh: Cluster) -> None:
    ps, elsewhere = mesh.ps(), mesh.addresses_of_the_proxy() - {mesh.proxy_of("web-v1-1")}
    front = {int(url.rpartition(":")[2]) for url in (ps["gateway"], ps["ui"], ps["otlp"])}
    strange = [f"{address}:8000" for address in elsewhere]
    private = [f"{mesh.proxy_of('web-v1-1')}:{port}" for port in front]

    own = f"{mesh.proxy_of('web-v1-1')}:8000"
    seen = held_off(lambda: mesh.inside("web-v1-1", DIAL, *strange, *private, own), own)

    assert set(seen.values()) <= {"TimeoutError", "ConnectionRefusedError"}, seen


def test_who_is_not_of_the_project_is_refused(mesh: Cluster) -> None:
    doors = [f"{address}:8000" for address in mesh.addresses_of_the_proxy()]
    with stranger(mesh.engine) as outside:
        seen = held_off(lambda: execute(mesh.engine, outside, DIAL, *doors))
        assert "answers" not in seen.values(), seen
    with stranger(mesh.engine, mesh.id) as inside:
        seen = held_off(lambda: execute(mesh.engine, inside, DIAL, *doors))
        assert "answers" not in seen.values(), seen


def test_this_machine_is_no_service_though_its_ends_of_the_networks_are_in_their_ranges(mesh: Cluster) -> None:
    doors = [f"{address}:8000" for address in mesh.addresses_of_the_proxy()]
    done = subprocess.run([sys.executable, "-c", DIAL, *doors], capture_output=True, text=True, check=True, timeout=60)
    assert "answers" not in done.stdout, done.stdout


def test_a_private_network_has_room_for_nobody_else(mesh: Cluster) -> None:
    for network in {one["Name"] for one in mesh.networks()} - {mesh.id}:
        with pytest.raises(APIError, match="no available"), stranger(mesh.engine, network):
            pass


def test_no_instance_can_take_the_address_of_another(mesh: Cluster) -> None:
    said = mesh.inside("web-v1-1", FORGE, mesh.address("stock-v1-1"))

    assert said.splitlines() == [
        "another address PermissionError",
        "raw packets PermissionError",
        "raw frames PermissionError",
    ]


def test_nothing_listens_but_for_this_machine(mesh: Cluster) -> None:
    listening = mesh.listening()
    open_to_all = {one for one in listening if one[0] != "127.0.0.1"}
    ps = mesh.ps()

    assert {("127.0.0.1", int(ps[front].rpartition(":")[2])) for front in ("gateway", "ui", "otlp")} <= listening
    assert {address for address, _ in open_to_all} <= {str(IPv4Network(mesh.pool)[1])}


def test_instances_send_telemetry_of_their_own(mesh: Cluster) -> None:
    assert mesh.inside("web-v1-1", POST, "with the key").strip() == "200"
    assert mesh.inside("web-v1-1", POST).strip() == "401"


def test_containers_are_hardened_and_labelled(mesh: Cluster) -> None:
    stock = mesh.inspect("stock-v1-2")
    host, labels = stock["HostConfig"], stock["Config"]["Labels"]

    assert (host["CapDrop"], host["CapAdd"] or [], host["SecurityOpt"]) == (["ALL"], [], ["no-new-privileges:true"])
    assert (host["Init"], host["Privileged"], host["PidsLimit"] > 0, host["Memory"] > 0) == (True, False, True, True)
    assert not any("docker.sock" in mount["Source"] for mount in stock["Mounts"])
    assert labels["com.docker.compose.project"] == mesh.id
    assert labels["com.docker.compose.service"] == "stock"
    assert labels["com.docker.compose.container-number"] == "2"
    assert labels["com.docker.compose.project.working_dir"] == str(mesh.folder)


def test_exec_runs_in_the_container(mesh: Cluster) -> None:
    assert mesh.run("exec", "stock", "--", "sh", "-c", "echo $SANDBOX_INSTANCE; hostname") == "stock-v1-1\nstock-v1-1\n"
    mesh.run("exec", "stock", "--", "sh", "-c", "exit 5", check=5)
    mesh.run("exec", "stock", "--", "no-such-program", check=None)


def test_exec_at_a_terminal_has_one_in_the_container(mesh: Cluster) -> None:
    sized = "until [ \"$(stty size)\" = '31 97' ]; do sleep 0.02; done"
    with at_a_terminal(mesh, "exec", "stock", "--", "sh", "-c", f"{sized}; tty; read line; echo heard $line") as (
        process,
        terminal,
    ):
        assert re.search(r"/dev/(pts/\d+|console)", read_until(terminal, "/dev/"))
        os.write(terminal, b"rye\n")
        read_until(terminal, "heard rye")
        assert process.wait(10) == 0


@contextmanager
def at_a_terminal(mesh: Cluster, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command at a terminal of 31 lines and 97 columns, and our end of that."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (31, 97))
    process = subprocess.Popen(
        mesh.user.command(*words), cwd=mesh.folder, env=mesh.user.env(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, text: str) -> str:
    """What came up to the end of the line with `text`."""
    said = b""
    while text.encode() not in said or not said.endswith(b"\n"):
        assert select.select([terminal], [], [], 15)[0], said
        said += os.read(terminal, 1)
    return said.decode()


def test_logs_are_those_of_the_containers(mesh: Cluster) -> None:
    get(mesh.ps()["gateway"] + "/via/stock/a-sack-of-flour")

    def is_told() -> bool:
        told = mesh.run("logs", "stock")
        assert "a-sack-of-flour" in told, told
        return True

    eventually(is_told, 10)


def test_what_the_file_says_is_what_the_container_gets(empty: Cluster) -> None:
    (empty.folder / "grain.env").write_text("GRAIN=rye\nSALT=sea\n")
    (empty.folder / "recipes").mkdir()
    (empty.folder / "recipes" / "bun").write_text("flour and water")
    empty.write(
        {
            "stock": peer(
                entrypoint=["python3", "-u"],
                command=["/peer.py"],
                env_file="grain.env",
                environment={"SALT": "rock"},
                user="1000:1000",
                working_dir="/tmp",
                volumes=["./peer.py:/peer.py:ro", "./recipes:/recipes:ro", "cellar:/cellar", "/scratch"],
                tmpfs=["/cache"],
                deploy={"resources": {"limits": {"memory": "96M", "cpus": "0.5", "pids": 50}}},
                healthcheck={"test": ["CMD", "test", "-e", "/tmp/well"], "interval": "100ms"},
                cap_add=["CHOWN"],
            )
        },
        volumes={"cellar": None},
    )
    with empty.user.started("up", empty.folder, "-d") as up:
        eventually(lambda: "stock-v1-1" in empty.containers() and empty.inside("stock-v1-1", "print(1)") == "1\n")
        assert instances(empty.ps(), "stock")[0]["status"] == "starting"
        empty.inside("stock-v1-1", "open('/tmp/well', 'w')")
        assert up.wait(20) == 0

    found = empty.inspect("stock-v1-1")
    config, host = found["Config"], found["HostConfig"]
    assert (config["Entrypoint"], config["Cmd"], config["User"]) == (["python3", "-u"], ["/peer.py"], "1000:1000")
    assert {"GRAIN=rye", "SALT=rock"} <= set(config["Env"])
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (96 << 20, 500_000_000, 50)
    assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], ["CHOWN"])
    mounts = {mount["Destination"]: (mount["Type"], mount["RW"]) for mount in found["Mounts"]}
    assert mounts["/recipes"] == ("bind", False)
    assert mounts["/cellar"] == mounts["/scratch"] == ("volume", True)
    assert empty.inside("stock-v1-1", "import os; print(os.getuid(), os.getcwd())") == "1000 /tmp\n"
    assert empty.inside("stock-v1-1", "print(open('/recipes/bun').read())") == "flour and water\n"
    assert "CHOWN" in empty.run("ps")
