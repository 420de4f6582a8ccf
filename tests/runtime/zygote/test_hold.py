"""A standby: held on its way into the program until its start comes, in the very process that runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from sandbox.runtime.zygote.keeper import HOOK
from tests.runtime.home import until


class Held:
    """One program, held."""

    def __init__(self, folder: Path, notes: Path, modules: Sequence[str], argv: Sequence[str], **given: str) -> None:
        self._notes = notes
        notes.mkdir()
        (notes / "record").write_text("".join(f"{name}\n" for name in modules))
        (notes / "said").touch()
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOOK), "SANDBOX_STANDBY": str(notes), **given}
        self._process = subprocess.Popen(
            argv, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    @property
    def said(self) -> list[str]:
        return (self._notes / "said").read_text().splitlines()

    @property
    def record(self) -> str:
        return (self._notes / "record").read_text()

    async def is_ready(self) -> None:
        await until(lambda: self.said[-1:] == ["ready"])

    def let_go(self, **variables: str) -> str:
        """All that it prints."""
        (self._notes / "go").write_bytes(b"\0".join(os.fsencode(f"{k}={v}") for k, v in variables.items()))
        self._process.send_signal(signal.SIGCONT)
        return self.output()

    def output(self) -> str:
        return self._process.communicate(timeout=10)[0]

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


Hold = Callable[..., Held]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    held: list[Held] = []

    def begin(source: str, *modules: str, argv: Sequence[str] = (sys.executable, "app.py"), **given: str) -> Held:
        (tmp_path / "app.py").write_text(source)
        held.append(Held(tmp_path, tmp_path / f"notes{len(held)}", modules, argv, **given))
        return held[-1]

    yield begin
    for one in held:
        one.end()


SHOWS = """
import sys, os, signal
print(__name__, sys.argv, __file__)
print(sorted(name for name in os.environ if "SANDBOX" in name or name == "PYTHONPATH"), os.environ.get("COLOUR"))
print("json" in sys.modules, [name for name in sys.modules if "sandbox" in name], sys.path[0])
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), open("/proc/self/comm").read().strip())
"""


async def test_it_goes_on_as_if_it_had_just_begun(hold: Hold, tmp_path: Path) -> None:
    held = hold(SHOWS, "json", "decimal")
    await held.is_ready()
    (tmp_path / "app.py").write_text(SHOWS.replace("COLOUR", "COLOR"))  # the newest code is what runs

    name, variables, modules, process = held.let_go(COLOR="blue", PORT="80").splitlines()

    assert name == f"__main__ ['app.py'] {tmp_path / 'app.py'}"
    assert variables == "[] blue"
    assert modules == f"True [] {tmp_path}"
    assert process == f"set() {Path(sys.executable).resolve().name[:15]}" or process.startswith("set() python")
    assert held.said == ["here", "ready", "warm"]


async def test_what_is_no_librarys_module_is_left_alone(hold: Hold, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print('too early')")
    held = hold("import mine", "mine", "no_such_module", "json.nothing", "json", PYTHONPATH=f"{HOOK}:{tmp_path}")
    await held.is_ready()
    assert held.let_go() == "too early\n"
    assert held.said[-1] == "warm"
    assert "-mine" not in held.record


async def test_a_module_that_can_not_be_shared_is_left_out_and_it_begins_anew(hold: Hold) -> None:
    held = hold("import sys; print('json' in sys.modules, 'this' in sys.modules)", "this", "json")  # which prints
    await held.is_ready()
    assert held.let_go() == "True False\n"
    assert "-this\tit prints\n" in held.record
    assert held.said == ["here", "here", "ready", "warm"]


@pytest.mark.parametrize("given", [{"PYTHONDONTWRITEBYTECODE": "1"}, {"TZ": "Europe/Berlin"}])
async def test_a_variable_that_only_a_fresh_interpreter_heeds_makes_the_start_cold(
    hold: Hold, given: dict[str, str]
) -> None:
    held = hold("import os, sys; print(sorted(set(os.environ) - {'PATH'}), 'decimal' in sys.modules)", "decimal")
    await held.is_ready()
    found = held.let_go(**given)
    assert str([*given]).strip("[]") in found
    assert "SANDBOX" not in found
    assert found.endswith("False\n")
    assert held.said[-1] == f"cold\tthe variable {next(iter(given))} has changed"


async def test_a_module_of_the_services_own_that_has_come_since_makes_the_start_cold(
    hold: Hold, tmp_path: Path
) -> None:
    held = hold("import decimal; print(decimal.__file__)", "decimal")
    await held.is_ready()
    (tmp_path / "decimal.py").touch()
    assert held.let_go() == f"{tmp_path / 'decimal.py'}\n"
    assert held.said[-1] == "cold\tthe service has a module decimal of its own"


async def test_an_interpreter_that_can_not_be_held_ends(hold: Hold, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hello')")
    held = hold("print('never')", PYTHONPATH=f"{HOOK}:{tmp_path}")
    assert held.output() == ""
    assert held.said == ["here", "hopeless\tit prints"]


async def test_it_ends_when_it_is_asked_to(hold: Hold) -> None:
    held = hold("print('never')")
    await held.is_ready()
    held._process.terminate()
    assert held.output() == ""
