"""Whatever happens, a person reads plain words and a script gets a code."""

from __future__ import annotations

import os
import subprocess

import pytest

import sandbox as package
from sandbox.cli.main import main
from sandbox.cli.report import error_lines
from sandbox.errors import ConfigError, Location, Problem, SandboxError
from tests.cli.conftest import Command, Place
from tests.fakes.control import FakeControl


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["--version"]), capsys.readouterr().out) == (0, f"sandbox {package.__version__}\n")
    assert main(["--help"]) == 0
    by_option = capsys.readouterr().out
    assert main([]) == 0
    assert capsys.readouterr().out == by_option


@pytest.mark.parametrize(("asked", "same"), [(["help"], ["--help"]), (["help", "up"], ["up", "--help"])])
def test_help_is_a_command_too(asked: list[str], same: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked) == 0
    text = capsys.readouterr().out
    assert main(same) == 0
    assert capsys.readouterr().out == text


def test_bad_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upp"]) == 2
    assert capsys.readouterr().err == "error: there is no command 'upp'\nhint: did you mean `sandbox up`?\n"


def test_not_running_is_3(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps"]) == 3
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == ("", "error: no project is running")


def test_an_error_names_place_reason_and_next_step() -> None:
    error = SandboxError("is taken by nginx (pid 12)", place="port 8080", hint="stop nginx")

    assert list(error_lines(error)) == [("error", "port 8080: is taken by nginx (pid 12)"), ("hint", "stop nginx")]


def test_every_problem_of_a_configuration_has_its_line() -> None:
    error = ConfigError(
        [
            Problem(Location("sandbox.yaml", 3, 5), "unknown key 'prots'", "did you mean 'ports'?"),
            Problem(Location("sandbox.yaml", 9, 1), "duplicate key 'orders'"),
        ]
    )

    assert list(error_lines(error)) == [
        ("error", "sandbox.yaml:3:5: unknown key 'prots'"),
        ("hint", "did you mean 'ports'?"),
        ("error", "sandbox.yaml:9:1: duplicate key 'orders'"),
    ]


def test_an_interrupt_is_130_and_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sandbox.cli.version.versions", interrupted)

    assert main(["version"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_defect_of_ours_is_one_line_and_its_traceback_a_private_file(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("division by zero\nand more")

    monkeypatch.setattr("sandbox.cli.version.versions", broken)
    report = place.home / "internal-error.txt"

    assert main(["version"]) == 1
    assert capsys.readouterr().err == (
        f"error: internal: ZeroDivisionError: division by zero\nhint: please report it with {report}\n"
    )
    assert "in broken" in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


def test_a_defect_is_still_one_line_where_nothing_can_be_written(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("sandbox.cli.version.versions", broken)
    monkeypatch.setenv("SANDBOX_HOME", "/dev/null/here")

    assert main(["version"]) == 1
    assert capsys.readouterr().err == "error: internal: ZeroDivisionError\n"


def test_a_reader_that_left_is_no_reason_to_complain(sandbox: Command) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = sandbox("version", stdout=writing)
    os.close(writing)

    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 1


@pytest.mark.parametrize(("no_color", "painted"), [("", True), ("1", False)])
def test_colour_on_a_terminal_only(bakery: FakeControl, sandbox: Command, no_color: str, painted: bool) -> None:
    ours, theirs = os.openpty()
    process = sandbox("ps", stdout=theirs, NO_COLOR=no_color, TERM="xterm")
    os.close(theirs)
    process.wait(timeout=20)
    text = os.read(ours, 65536).decode()
    os.close(ours)

    assert "healthy" in text
    assert ("\x1b[32m" in text) is painted


def test_no_colour_in_a_pipe(bakery: FakeControl, sandbox: Command) -> None:
    out, err = sandbox("ps").communicate(timeout=20)

    assert "healthy" in out
    assert "\x1b" not in out + err


def test_it_runs_as_a_module_too(sandbox: Command) -> None:
    process: subprocess.Popen[str] = sandbox("--version")

    assert process.communicate(timeout=20)[0] == f"sandbox {package.__version__}\n"
