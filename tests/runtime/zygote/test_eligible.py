from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.runtime.zygote.eligible import is_warmable


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "env" / "bin").mkdir(parents=True)
    for name in ("python", "python3"):
        program(tmp_path / "env" / "bin" / name, "")
    return tmp_path / "env"


def program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python app.py --reload -S", True),
        ("python3 -m uvicorn app:app", True),
        ("python -u -B -m app -E", True),
        ("python -c pass", True),
        ("python", False),
        ("python -u", False),
        ("python -", False),
        ("python -I app.py", False),
        ("python -uE app.py", False),
        ("python -S app.py", False),
        ("python -X dev app.py", False),
        ("python -i app.py", False),
        ("sh start.sh", False),
        ("/usr/bin/python3 app.py", False),
        ("missing", False),
    ],
)
def test_which_command_lines_stop_in_the_hook(place: Path, command: str, expected: bool) -> None:
    environment = {"PATH": f"{place}/bin:/usr/bin:/bin"}
    assert is_warmable(command.split(), place, environment, place) is expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("#!{place}/bin/python\n", True),
        ("#!{place}/bin/python3\nimport x\n", True),
        ("#!/usr/bin/env python\n", True),
        ("#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n' '''\n", True),
        ("#!{place}/bin/python -I\n", False),
        ("#!/usr/bin/env -S python -E\n", False),
        ("#!/usr/bin/python3\n", False),
        ("#!/bin/sh\npython migrate.py\n", False),
        ("\x7fELF", False),
        ("", False),
    ],
)
def test_which_scripts_do(place: Path, head: str, expected: bool) -> None:
    program(place / "bin" / "serve", head.replace("{place}", str(place)))
    environment = {"PATH": f"{place}/bin:/usr/bin:/bin"}
    assert is_warmable(["serve"], place, environment, place) is expected
    assert is_warmable(["bin/serve"], place, environment, place) is expected


def test_variables_that_would_let_it_run_or_show(place: Path) -> None:
    environment = {"PATH": f"{place}/bin", "PYTHONVERBOSE": "1"}
    assert not is_warmable(["python", "app.py"], place, environment, place)
