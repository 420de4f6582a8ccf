"""A command where a service runs, on the user's own terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sandbox.cli.exec import command_of, terminal_environment
from sandbox.cli.main import main
from sandbox.control import ExecSpec
from sandbox.errors import UsageError
from tests.cli.conftest import Command, Place
from tests.fakes.control import FakeControl


class Here(FakeControl):
    """Its instances run in a given folder."""

    def __init__(self, cwd: Path, environment: Mapping[str, str] | None) -> None:
        super().__init__()
        self.cwd = cwd
        self.environment = environment

    async def exec_spec(self, target: str, argv: Sequence[str]) -> ExecSpec:
        await super().exec_spec(target, argv)
        return ExecSpec(argv=tuple(argv), cwd=str(self.cwd), environment=self.environment)


@pytest.fixture
def here(place: Place) -> FakeControl:
    return place.running(control=Here(place.apps, {"PORT": "43121", "PATH": os.environ["PATH"]}))


def test_output_folder_environment_and_exit_code_are_the_commands_own(
    here: FakeControl, place: Place, sandbox: Command
) -> None:
    process = sandbox("exec", "orders", "--", "sh", "-c", 'pwd; echo "$PORT"; echo "${SANDBOX_HOME-none}"; exit 7')

    assert process.communicate(timeout=20) == (f"{place.apps}\n43121\nnone\n", "")
    assert process.returncode == 7


def test_the_terminal_is_its_own_too(here: FakeControl, sandbox: Command) -> None:
    ours, theirs = os.openpty()
    process = sandbox(
        "exec", "orders", "--", "sh", "-c", "test -t 1 && echo on $TERM", stdout=theirs, TERM="xterm-test"
    )
    os.close(theirs)
    process.wait(timeout=20)
    said = os.read(ours, 1024)
    os.close(ours)

    assert said == b"on xterm-test\r\n"


def test_a_command_that_is_not_there(here: FakeControl, sandbox: Command) -> None:
    process = sandbox("exec", "orders", "no-such-program")

    assert process.communicate(timeout=20)[1].splitlines()[0] == (
        "error: no-such-program: can't run: No such file or directory"
    )
    assert process.returncode == 127


def test_a_command_that_is_no_program(here: FakeControl, place: Place, sandbox: Command) -> None:
    (place.apps / "notes.txt").write_text("no program")
    process = sandbox("exec", "orders", "./notes.txt")

    assert process.communicate(timeout=20)[1].startswith("error: ./notes.txt: can't run: Permission denied\n")
    assert process.returncode == 126


def test_an_unknown_target(bakery: FakeControl, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "oders", "--", "env"]) == 2
    assert capsys.readouterr().err == "error: oders: no such service or instance\n"


@pytest.mark.parametrize(
    ("words", "argv"), [(["--", "ls", "--", "x"], ["ls", "--", "x"]), (["ls", "-l"], ["ls", "-l"])]
)
def test_the_command(words: list[str], argv: list[str]) -> None:
    assert command_of(words) == argv


@pytest.mark.parametrize("words", [[], ["--"]])
def test_no_command(words: list[str]) -> None:
    with pytest.raises(UsageError, match="what should run"):
        command_of(words)


def test_options_of_ours_behind_the_service_are_explained() -> None:
    with pytest.raises(UsageError, match="--project is read as the command") as caught:
        command_of(["--project", "shop", "--", "env"])
    assert caught.value.hint.endswith("sandbox exec --project shop SERVICE -- COMMAND")


def test_the_instances_environment_wins_over_the_terminals() -> None:
    own = {"TERM": "xterm", "HOME": "/root", "COLUMNS": "80"}

    assert terminal_environment({"TERM": "dumb"}, own) == {"TERM": "dumb", "COLUMNS": "80"}
    assert terminal_environment(None, own) == own
