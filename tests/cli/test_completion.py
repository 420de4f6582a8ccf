"""What a shell offers after a TAB."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.cli.completion import Source, candidates
from sandbox.cli.main import main
from sandbox.cli.parser import COMMANDS
from tests.cli.conftest import Place
from tests.fakes.control import FakeControl

NAMES: Mapping[str, Source] = {
    "services": lambda: ["orders", "steamer"],
    "target": lambda: ["orders", "steamer"],
    "wishes": lambda: ["orders=", "steamer="],
    "project": lambda: ["bakery-1a2b3c"],
    "profiles": lambda: ["lite", "standard"],
    "path": lambda: ["bakery", "hello"],
}


def after(line: str) -> list[str]:
    """The offers for the last word of a line, which is empty after a space."""
    return candidates(line.split(" ")[1:], NAMES)


def test_commands() -> None:
    assert after("sandbox ") == list(COMMANDS)
    assert after("sandbox sta") == ["stat", "start"]
    assert after("sandbox -f x.yaml --project y re") == ["report", "restart", "reload"]


def test_options() -> None:
    assert after("sandbox --v") == ["--version"]
    assert after("sandbox up --t") == ["--timeout"]
    assert after("sandbox up --no") == ["--no-tui", "--no-watch"]


def test_values() -> None:
    assert after("sandbox up --runtime d") == ["docker"]
    assert after("sandbox up --profile ") == ["lite", "standard"]
    assert after("sandbox ps -o j") == ["json"]
    assert after("sandbox --project ") == ["bakery-1a2b3c"]
    assert after("sandbox completion ") == ["bash", "zsh", "fish"]


def test_live_names() -> None:
    assert after("sandbox logs -f o") == ["orders"]
    assert after("sandbox restart orders ") == ["orders", "steamer"]
    assert after("sandbox scale st") == ["steamer="]
    assert after("sandbox up b") == ["bakery"]


def test_what_is_the_shells_own_business() -> None:
    assert after("sandbox up -f ") == []
    assert after("sandbox exec orders ls ") == []
    assert after("sandbox nonsense ") == []
    assert after("sandbox down x") == []


def answers(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["__complete", "--", *words]) == 0
    return capsys.readouterr().out.split()


def test_services_of_the_project_of_this_folder(bakery: FakeControl, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(capsys, "logs", "st") == ["storefront", "steamer"]


def test_services_of_a_named_project(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.running("bakery")
    place.running("hello")

    assert answers(capsys, "logs", "--project", "hello", "or") == ["orders"]
    assert answers(capsys, "logs", "or") == []


def test_nothing_runs(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(capsys, "logs", "") == []


def test_sample_apps(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(capsys, "up", "bak") == ["bakery"]


ASK = {
    "bash": """
        source <(sandbox completion bash)
        COMP_WORDS=(sandbox {words}) COMP_CWORD={count}
        _sandbox
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """,
    "zsh": """
        compadd() {{ print -l ${{(P)@[-1]}} }}
        compdef() {{ }}
        source <(sandbox completion zsh)
        words=(sandbox {words}) CURRENT=$(({count} + 1))
        _sandbox
    """,
    "fish": """
        sandbox completion fish | source
        complete -C 'sandbox {line}'
    """,
}


@pytest.mark.parametrize("shell", ASK)
@pytest.mark.parametrize(
    ("words", "offers"),
    [(["rest"], ["restart"]), (["logs", "st"], ["steamer", "storefront"]), (["scale", "o"], ["orders="])],
)
def test_a_real_shell(bakery: FakeControl, tmp_path: Path, shell: str, words: list[str], offers: list[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "sandbox").symlink_to(Path(sys.executable).parent / "sandbox")
    script = ASK[shell].format(words=" ".join(words), line=" ".join(words), count=len(words))

    done = subprocess.run(
        [shell, "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert sorted(done.stdout.split()) == offers, done.stderr
