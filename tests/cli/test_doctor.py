"""Judgements about machines of every sort, and a look at this one."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

from sandbox.cli.doctor.checks import Finding, Level, findings
from sandbox.cli.doctor.command import as_text, summary
from sandbox.cli.doctor.engine import docker_engine
from sandbox.cli.doctor.facts import Facts, Home, PortFact, gather
from sandbox.cli.doctor.images import ImageFact, base_images
from sandbox.cli.doctor.tool import Tool
from sandbox.cli.main import main
from sandbox.cli.style import Style
from tests.cli.conftest import Place
from tests.docker_engine import RealEngine

HOME = Home(Path("/home/me/.local/state/sandbox"), exists=True, owned=True, writable=True, mode=0o700)

FINE = Facts(
    python=(3, 11, 2),
    uv=Tool(version="0.9.0"),
    envoy=Tool(version="1.40.0"),
    docker=Tool(problem="none runs", fix="start one", absent=True),
    images=(),
    ports=(PortFact(8080, "gateway"), PortFact(8090, "UI"), PortFact(4318, "OTLP receiver")),
    inotify=(524_288, 512),
    open_files=(1_048_576, 1_048_576),
    disk_free=50 * 1024**3,
    home=HOME,
    leftovers=(),
)


def about(check: str, **changed: object) -> Finding:
    """The one finding about `check` on a machine that is fine but for `changed`."""
    (found,) = (finding for finding in findings(replace(FINE, **changed)) if finding.check == check)  # type: ignore[arg-type]
    return found


def test_a_good_machine() -> None:
    found = list(findings(FINE))

    assert {finding.level for finding in found} == {Level.OK}
    assert not any(finding.fix for finding in found)
    assert summary(found) == "everything is fine"


def test_an_old_python() -> None:
    assert about("python", python=(3, 10, 12)).level is Level.FAIL


@pytest.mark.parametrize("name", ["uv", "envoy"])
def test_a_tool_that_does_not_run(name: str) -> None:
    found = about(name, **{name: Tool(problem="No such file or directory")})

    assert (found.level, found.message) == (Level.FAIL, "No such file or directory")
    assert "install" in found.fix


def test_without_docker_all_is_well() -> None:
    found = about("docker")

    assert (found.level, found.fix) == (Level.OK, "")
    assert found.message == "none runs; services run as processes (for containers: start one)"


def test_an_engine_that_was_to_answer_is_worth_a_look() -> None:
    found = about("docker", docker=Tool(problem="no engine runs behind /run/e.sock", fix="start it"))

    assert (found.level, found.fix) == (Level.WARN, "start it")


def test_images_that_are_here_or_will_be() -> None:
    images = (ImageFact("python", "python:3", here=True), ImageFact("node", "node:22", here=False))

    found = about("images", images=images)
    assert found == Finding("images", Level.OK, "here: python; pulled when they are needed: node")


def test_images_that_can_not_be_had() -> None:
    images = (
        ImageFact("python", "python:3", here=True),
        ImageFact("node", "node:22", here=False, problem="no such host"),
        ImageFact("go", "golang:1", here=False, problem="no such host"),
    )

    found = about("images", images=images)
    assert found.level is Level.WARN
    assert found.message.startswith("node:22, golang:1 are not here and can't be pulled (no such host)")
    assert "SANDBOX_IMAGE_NODE" in found.fix


def test_what_is_long_is_wrapped_within_the_terminal_and_between_words() -> None:
    found = [
        Finding("images", Level.WARN, "is not here and " * 20, "docker pull it, " * 12),
        Finding("uv", Level.OK, "0.9"),
    ]
    lines = as_text(found, Style(False), width=80).splitlines()

    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines[:-3]).split()) == " ".join(
        f"warn images {found[0].message} fix: {found[0].fix}".split()
    )
    assert len(as_text(found, Style(False)).splitlines()) == 5


def test_a_taken_port_names_its_owner() -> None:
    found = about("port 8080", ports=(PortFact(8080, "gateway", "nginx (pid 12)"),))

    assert found == Finding(
        "port 8080",
        Level.WARN,
        "taken by nginx (pid 12), so the gateway moves to another one",
        "stop nginx (pid 12) to get 8080 back",
    )


def test_a_port_of_ours_is_no_trouble() -> None:
    found = about("port 8080", ports=(PortFact(8080, "gateway", "sandbox project bakery-1a2b3c (pid 12)", ours=True),))

    assert (found.level, found.fix) == (Level.OK, "")


@pytest.mark.parametrize(
    ("limits", "fix"),
    [
        ((8_192, 512), "sudo sysctl fs.inotify.max_user_watches=524288"),
        ((524_288, 64), "sudo sysctl fs.inotify.max_user_instances=512"),
        ((8_192, 64), "sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512"),
    ],
)
def test_low_inotify_limits(limits: tuple[int, int], fix: str) -> None:
    found = about("inotify", inotify=limits)

    assert (found.level, found.fix) == (Level.WARN, fix)


def test_a_system_without_inotify_is_not_asked_for_it() -> None:
    assert not any(finding.check == "inotify" for finding in findings(replace(FINE, inotify=None)))


@pytest.mark.parametrize(("hard", "fix"), [(1_048_576, "ulimit -n 4096"), (512, "ulimit -n 512")])
def test_few_open_files(hard: int, fix: str) -> None:
    assert about("open files", open_files=(256, hard)).fix == fix


@pytest.mark.parametrize(("free", "level"), [(3 * 1024**3, Level.OK), (1024**3, Level.WARN), (1024**2, Level.FAIL)])
def test_disk(free: int, level: Level) -> None:
    assert about("disk", disk_free=free).level is level


@pytest.mark.parametrize(
    ("changed", "level", "words"),
    [
        ({"exists": False}, Level.OK, "will be made"),
        ({"owned": False}, Level.FAIL, "belongs to another user"),
        ({"writable": False}, Level.FAIL, "can't be written to"),
        ({"mode": 0o755}, Level.WARN, "can be read by others (mode 755)"),
    ],
)
def test_home(changed: dict[str, object], level: Level, words: str) -> None:
    found = about("home", home=replace(HOME, **changed))  # type: ignore[arg-type]

    assert found.level is level
    assert words in found.message


def test_leftovers_come_with_their_broom() -> None:
    assert about("leftovers", leftovers=("bakery-1a2b3c",)).fix == "sandbox down --project bakery-1a2b3c"


def test_as_a_person_reads_it() -> None:
    found = [Finding("python", Level.OK, "3.11.2"), Finding("disk", Level.FAIL, "0.1 GB free", "free some space")]

    assert as_text(found, Style(enabled=False)).splitlines() == [
        "ok    python  3.11.2",
        "fail  disk    0.1 GB free",
        "              fix: free some space",
        "",
        "1 to fix before sandbox works, 0 worth a look",
    ]


# --- this machine -------------------------------------------------------------------------------------------------


def test_this_machine_can_run_sandbox(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "-o", "json"]) == 0

    levels = {finding["check"]: finding["level"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert levels["python"] == levels["uv"] == levels["envoy"] == "ok"


def test_a_failing_check_fails_the_command(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_ENVOY", "/bin/false")
    monkeypatch.setenv("DOCKER_HOST", "unix:///none.sock")  # an engine's registry may take seconds

    assert main(["doctor"]) == 1


def test_the_owner_of_a_port_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        monkeypatch.setattr("sandbox.cli.doctor.facts._PREFERRED", ((number, "gateway"),))
        (found,) = gather().ports

    assert found.owner is not None
    assert f"(pid {os.getpid()})" in found.owner


def test_what_a_dead_project_left_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///none.sock")
    dead, gone = place.started_once("bakery"), place.started_once("gone")
    gone.run.rmdir()
    place.running("hello")

    assert gather().leftovers == (dead.id,)


# --- a Docker engine ----------------------------------------------------------------------------------------------


class Engine(BaseHTTPRequestHandler):
    answer = b'{"Version": "27.1"}'

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def engine(address: Path, answer: bytes) -> Iterator[None]:
    handler = type("Answering", (Engine,), {"answer": answer})
    with UnixStreamServer(str(address), handler) as server:

        def serve() -> None:
            for _ in ("ping", "version"):
                server.handle_request()

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(10)


def test_an_engine_that_answers(place: Place) -> None:
    address = place.apps / "docker.sock"
    with engine(address, b'{"Version": "27.1"}'):
        assert docker_engine({"DOCKER_HOST": f"unix://{address}"}) == Tool(version="27.1")


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b"[]"])
def test_something_else_answers(place: Place, answer: bytes) -> None:
    address = place.apps / "docker.sock"
    with engine(address, answer):
        assert "no sensible answer" in docker_engine({"DOCKER_HOST": f"unix://{address}"}).problem


def test_no_engine(place: Place) -> None:
    found = docker_engine({"DOCKER_HOST": f"unix://{place.apps}/none.sock"})
    assert (found.problem, found.fix) == (
        f"there is no engine at {place.apps}/none.sock",
        "install Docker or Podman, or start it; or unset DOCKER_HOST, which names it",
    )
    assert "another machine" in docker_engine({"DOCKER_HOST": "tcp://127.0.0.1:2375"}).problem


def test_the_images_of_an_engine_are_looked_for(engine: RealEngine) -> None:
    known = {f"SANDBOX_IMAGE_{purpose}": engine.image("python") for purpose in ("PYTHON", "NODE", "GO", "JAVA")}
    unknown = {"SANDBOX_IMAGE_RUN": "127.0.0.1:9/sandbox-test/none"}

    found = base_images({"DOCKER_HOST": engine.endpoint.url, **known, **unknown})
    assert [fact.purpose for fact in found if fact.here] == ["python", "node", "go", "java"]
    assert [fact.image for fact in found if fact.problem] == ["127.0.0.1:9/sandbox-test/none"]


def test_without_an_engine_there_are_no_images_to_look_for(place: Place) -> None:
    assert base_images({"DOCKER_HOST": f"unix://{place.apps}/none.sock"}) == ()
