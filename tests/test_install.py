"""install.sh: what it does, what it says, and that it leaves nothing half done.

Most tests put a stand-in for uv on the PATH, so that they need no package index; one goes the whole way.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest
from uv import find_uv_bin

import sandbox
from sandbox.cli.cockpit import _PREFERENCES

INSTALL = Path(__file__).parent.parent / "install.sh"

STAND_IN = """#!/bin/sh
case "$1 $2" in
"pip install") case "$*" in *--help*) echo --default-index; exit ;; esac ;;
venv*)
    for folder; do :; done
    mkdir -p "$folder/bin"
    cp "$(dirname "$0")/stand-in-sandbox" "$folder/bin/sandbox"
    printf '#!/bin/sh\\nexit 1\\n' >"$folder/bin/python"
    chmod +x "$folder/bin/python"
    ;;
build*)
    env | grep ^UV_ >"$HOME/settings"
    for word; do [ "$last" != --out-dir ] || mkdir -p "$word"; last=$word; done
    eval "$WHILE_BUILDING"
    ;;
esac
"""

INSTALLED = """#!/bin/sh
case $1 in
--version) echo sandbox 9.9.9 ;;
*) echo "$*" | tee -a "$HOME/said"; exit "${DOWN_FAILS:-0}" ;;
esac
"""


class Machine:
    """An empty home with a folder for programs, on which install.sh runs."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "a home"
        self.programs = folder / "programs"
        self.home.mkdir()
        self.programs.mkdir()
        self.data = self.home / ".local/share/sandbox"
        self.state = self.home / ".local/state/sandbox"
        self.link = self.home / ".local/bin/sandbox"

    def install_program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def environment(self, **more: str) -> Mapping[str, str]:
        """The user's own, less what would lead out of this home."""
        hidden = ("XDG_", "SANDBOX_", "UV_", "PIP_INDEX", "PIP_EXTRA", "PIP_FIND", "VIRTUAL_ENV")
        own = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        path = f"{self.programs}:{os.environ['PATH']}"
        return {**own, "HOME": str(self.home), "PATH": path, "SANDBOX_PYTHON": sys.executable, **more}

    def run(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", INSTALL, *argv],
            cwd="/",
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def begin(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", INSTALL],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def versions(self) -> list[Path]:
        return list((self.data / "versions").glob("*"))

    def files(self) -> set[str]:
        """Below ~/.local: tools that look into the home may leave files of their own elsewhere."""
        found = [path for path in (self.home / ".local").rglob("*") if not path.is_dir() or path.is_symlink()]
        return {str(path.relative_to(self.home)) for path in found}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def prepared(machine: Machine) -> Machine:
    """With a stand-in for uv, which makes an environment whose `sandbox` only says its version."""
    machine.install_program("uv", STAND_IN)
    machine.install_program("stand-in-sandbox", INSTALLED)
    return machine


@pytest.fixture
def gate(tmp_path: Path) -> Callable[[], None]:
    """A build that has come to its middle: `gate()` waits until one has, and the build then waits for its end."""
    os.mkfifo(tmp_path / "gate")

    def wait() -> None:
        (tmp_path / "gate").read_text()

    return wait


def blocked_build(tmp_path: Path) -> str:
    return f"echo >'{tmp_path}/gate'; sleep 60"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", ["install.sh", ".ci/run", ".ci/engine"])
def test_scripts_are_clean(script: str) -> None:
    checked = subprocess.run(["shellcheck", INSTALL.parent / script], capture_output=True, text=True, check=False)

    assert checked.stdout == ""


def test_help_and_nonsense(machine: Machine) -> None:
    helped, refused = machine.run("--help"), machine.run("--frobnicate")

    assert (helped.returncode, refused.returncode) == (0, 2)
    assert helped.stdout == refused.stderr
    assert all(option in helped.stdout for option in ("--demo", "--test", "--uninstall"))
    assert machine.files() == set()


def test_an_install_says_one_line_a_step(prepared: Machine) -> None:
    done = prepared.run()

    assert done.returncode == 0, done.stderr
    steps, place, note, following = done.stdout.splitlines()
    assert steps.startswith("installing with Python 3.")
    assert steps.endswith(" s")
    assert place == f"sandbox 9.9.9 is in {prepared.data}"
    assert "not on your PATH" in note
    assert following == "next: ~/.local/bin/sandbox up bakery"
    assert subprocess.check_output([prepared.link, "--version"], text=True) == "sandbox 9.9.9\n"


def test_with_the_folder_on_the_path_nothing_is_noted(prepared: Machine) -> None:
    done = prepared.run(PATH=f"{prepared.environment()['PATH']}:{prepared.home}/.local/bin")

    assert done.stdout.splitlines()[-2:] == [f"sandbox 9.9.9 is in {prepared.data}", "next: sandbox up bakery"]


def test_again_replaces_the_version_and_nothing_else_changes(prepared: Machine) -> None:
    prepared.run()
    (first,) = prepared.versions()
    again = prepared.run()

    assert again.returncode == 0, again.stderr
    (second,) = prepared.versions()
    assert first != second
    assert prepared.link.resolve().is_relative_to(second)
    assert not (prepared.data / "lock").exists()


def test_a_failing_build_shows_why_and_keeps_what_was_installed(prepared: Machine) -> None:
    prepared.run()
    before = prepared.versions()
    failed = prepared.run(WHILE_BUILDING="echo the disk is full; exit 7")

    assert failed.returncode == 1
    assert failed.stdout.endswith("failed\n")
    assert "the disk is full" in failed.stderr
    assert prepared.versions() == before
    assert subprocess.check_output([prepared.link, "--version"], text=True) == "sandbox 9.9.9\n"


def until_it_sleeps(pid: int) -> None:
    """Return once the build itself runs, so that the interrupt comes in its middle."""
    deadline = time.monotonic() + 10
    while not any(child.name() == "sleep" for child in psutil.Process(pid).children(recursive=True)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_no_half_install(
    prepared: Machine, tmp_path: Path, gate: Callable[[], None], number: signal.Signals, code: int
) -> None:
    running = prepared.begin(WHILE_BUILDING=blocked_build(tmp_path))
    gate()
    until_it_sleeps(running.pid)
    os.killpg(running.pid, number)
    running.communicate(timeout=10)

    assert running.returncode == code
    assert prepared.versions() == []
    assert not prepared.link.exists()
    assert not (prepared.data / "lock").exists()


def test_only_one_at_a_time(prepared: Machine, tmp_path: Path, gate: Callable[[], None]) -> None:
    running = prepared.begin(WHILE_BUILDING=blocked_build(tmp_path))
    gate()
    second = prepared.run()
    os.killpg(running.pid, signal.SIGTERM)
    running.communicate(timeout=10)

    assert second.returncode == 1
    assert second.stderr.startswith(f"error: another install is running (pid {running.pid})\nhint: ")


def test_the_lock_of_a_killed_install_is_taken_over(prepared: Machine) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (prepared.data / "lock").mkdir(parents=True)
    (prepared.data / "lock/pid").write_text(str(gone.pid))

    assert prepared.run().returncode == 0


def test_another_program_of_that_name_is_left_alone(prepared: Machine) -> None:
    prepared.link.parent.mkdir(parents=True)
    prepared.link.write_text("somebody else's")
    refused = prepared.run()

    assert refused.returncode == 1
    assert f"error: {prepared.link} belongs to something else" in refused.stderr
    assert prepared.link.read_text() == "somebody else's"


def test_an_unusable_python_is_named(prepared: Machine) -> None:
    refused = prepared.run(SANDBOX_PYTHON="/bin/false")

    assert refused.returncode == 1
    assert "error: SANDBOX_PYTHON=/bin/false is not a usable Python 3.11 or newer" in refused.stderr


def test_settings_of_pip_reach_uv(prepared: Machine) -> None:
    prepared.install_program(
        "pip-like",
        f"""#!/bin/sh
case "$*" in *"config list")
    echo ":env:.index-url='http://127.0.0.1:1/simple'"
    echo "global.trusted-host='127.0.0.1'" ;;
*) exec '{sys.executable}' "$@" ;; esac
""",
    )
    # The script asks the chosen Python for its own path, and would lose the stand-in.
    prepared.install_program("python-like", f"#!/bin/sh\ncase $1 in -c) echo '{prepared.programs}/pip-like' ;; esac\n")
    prepared.run(SANDBOX_PYTHON=str(prepared.programs / "python-like"))

    settings = (prepared.home / "settings").read_text().splitlines()
    assert "UV_DEFAULT_INDEX=http://127.0.0.1:1/simple" in settings
    assert "UV_INSECURE_HOST=127.0.0.1" in settings


def test_settings_of_uv_win(prepared: Machine) -> None:
    prepared.run(UV_DEFAULT_INDEX="http://127.0.0.1:2/simple", PIP_INDEX_URL="http://127.0.0.1:1/simple")

    assert "UV_DEFAULT_INDEX=http://127.0.0.1:2/simple" in (prepared.home / "settings").read_text().splitlines()


def test_the_demo_starts_the_bakery_and_returns_where_nobody_watches(prepared: Machine) -> None:
    demo = prepared.run("--demo", "--timeout", "30s")

    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.splitlines()[-1] == "up bakery --detach --timeout 30s"


def test_uninstall_without_an_install_is_no_error(machine: Machine) -> None:
    assert machine.run("--uninstall").returncode == 0
    assert machine.files() == set()


def test_uninstall_removes_what_the_screen_remembers(prepared: Machine) -> None:
    prepared.run()
    for name in (_PREFERENCES, "internal-error.txt"):
        (prepared.state / name).write_text("{}")
    done = prepared.run("--uninstall")

    assert done.returncode == 0, done.stderr
    assert "was kept" not in done.stdout
    assert prepared.files() == set()


def test_uninstall_keeps_what_is_not_ours(prepared: Machine) -> None:
    prepared.run()
    (prepared.state / "notes.txt").write_text("mine")
    done = prepared.run("--uninstall")

    assert done.returncode == 0, done.stderr
    assert f"note: {prepared.state} holds something else and was kept" in done.stdout
    assert prepared.files() == {".local/state/sandbox/notes.txt"}


def test_uninstall_stops_every_project_first(prepared: Machine) -> None:
    prepared.run()
    for project in ("bakery-1a2b3c", "hello-4d5e6f"):
        (prepared.state / "projects" / project).mkdir(parents=True)
    done = prepared.run("--uninstall")

    assert done.returncode == 0, done.stderr
    assert (prepared.home / "said").read_text().splitlines() == [
        "down --purge --project bakery-1a2b3c",
        "down --purge --project hello-4d5e6f",
    ]
    stopping, also, removing, removed = done.stdout.splitlines()
    assert (stopping, also) == ("stopping bakery-1a2b3c…", "stopping hello-4d5e6f…")
    assert removing.startswith("removing what is in ")
    assert removed == "removed sandbox, its projects' state and its cache"
    assert prepared.files() == set()


def test_uninstall_removes_nothing_while_a_project_still_runs(prepared: Machine) -> None:
    prepared.run()
    (prepared.state / "projects/bakery-1a2b3c").mkdir(parents=True)
    before = prepared.files()
    refused = prepared.run("--uninstall", DOWN_FAILS="1")

    assert refused.returncode == 1
    assert "error: project bakery-1a2b3c could not be stopped" in refused.stderr
    assert prepared.files() == before


class Development:
    """A checkout whose tools only say that they ran; `fails` names one that fails."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.script = folder / "checkout" / "install.sh"
        programs = folder / "checkout/.venv/bin"
        programs.mkdir(parents=True)
        shutil.copy(INSTALL, self.script)
        for tool in ("ruff", "mypy", "python"):
            (programs / tool).write_text(
                f'#!/bin/sh\n[ "$1" = -c ] && {{ echo ${{2:+3}}; exit; }}\necho {tool} "$@"\n[ "$FAILS" != {tool} ]\n'
            )
            (programs / tool).chmod(0o755)

    def test(self, *argv: str, fails: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", self.script, "--test", *argv],
            env=self.machine.environment(FAILS=fails),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def development(prepared: Machine, tmp_path: Path) -> Development:
    return Development(prepared, tmp_path)


def test_test_runs_every_check_and_hands_arguments_to_pytest(development: Development) -> None:
    done = development.test("tests/cli", "-x")

    assert done.returncode == 0, done.stderr
    assert [line.split(" …")[0] for line in done.stdout.splitlines()[1:]] == [
        "ruff check",
        "ruff format",
        "mypy",
        "pytest",
        "python -m pytest tests/cli -x",
    ]


@pytest.mark.parametrize("tool", ["ruff", "mypy", "python"])
def test_test_fails_when_one_check_does_and_still_runs_the_others(development: Development, tool: str) -> None:
    done = development.test(fails=tool)

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("python -m pytest -n 3 --dist loadscope")


@pytest.mark.network
def test_the_whole_life(machine: Machine) -> None:
    """Into a home with a space in its name, from another folder; upgraded; and gone."""
    shared = subprocess.check_output([find_uv_bin(), "cache", "dir"], text=True).strip()
    first = machine.run(UV_CACHE_DIR=shared)
    assert first.returncode == 0, first.stderr
    assert subprocess.check_output([machine.link, "--version"], text=True) == f"sandbox {sandbox.__version__}\n"

    again = machine.run(UV_CACHE_DIR=shared)
    assert again.returncode == 0, again.stderr
    assert len(machine.versions()) == 1

    gone = machine.run("--uninstall")
    assert gone.returncode == 0, gone.stderr
    assert machine.files() == set()
