"""How instrumentation gets into a Python service that knows nothing of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.runtime.autotrace import HOOK, LIBRARIES
from sandbox.runtime.buildpack.python import base_python

INITIALIZE = "def initialize():\n    import shared\n    print('instrumented; shared is', shared.WHOSE)\n"


class Service:
    """A folder of its own packages, and one of what we bring."""

    def __init__(self, folder: Path) -> None:
        self.own = folder / "own"
        self.brought = folder / "brought"
        self.python = folder / "env" / "bin" / "python"
        subprocess.run([base_python(), "-m", "venv", "--without-pip", str(folder / "env")], check=True)
        instrumentation = self.brought / "opentelemetry" / "instrumentation"
        instrumentation.mkdir(parents=True)
        self.own.mkdir()
        (instrumentation / "auto_instrumentation.py").write_text(INITIALIZE)
        (self.brought / "shared.py").write_text("WHOSE = 'ours'\n")
        (self.own / "flask.py").write_text("")

    def run(self, code: str = "print('main')", **more: str) -> subprocess.CompletedProcess[str]:
        variables = {"PYTHONPATH": os.pathsep.join([str(HOOK), str(self.own)]), LIBRARIES: str(self.brought), **more}
        return subprocess.run(
            [str(self.python), "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def test_it_begins_before_the_service(service: Service) -> None:
    done = service.run()
    assert (done.stdout, done.stderr) == ("instrumented; shared is ours\nmain\n", "")


def test_what_the_service_brings_itself_wins(service: Service) -> None:
    (service.own / "shared.py").write_text("WHOSE = 'the service'\n")
    assert service.run().stdout == "instrumented; shared is the service\nmain\n"


def test_the_users_own_sitecustomize_runs_too(service: Service) -> None:
    (service.own / "sitecustomize.py").write_text("print('customized')\n")
    assert service.run().stdout == "customized\ninstrumented; shared is ours\nmain\n"


def test_a_service_without_a_server_that_it_knows_is_left_alone(service: Service) -> None:
    (service.own / "flask.py").unlink()
    done = service.run()
    assert done.stdout == "main\n"
    assert "sandbox: no spans from inside this service: none of flask, " in done.stderr


def test_a_failure_is_said_and_the_service_runs(service: Service) -> None:
    (service.brought / "shared.py").unlink()
    done = service.run()
    assert (done.returncode, done.stdout) == (0, "main\n")
    assert "sandbox: no spans from inside this service: ModuleNotFoundError" in done.stderr


def test_without_the_variable_it_does_nothing(service: Service) -> None:
    assert service.run(SANDBOX_OTEL="").stdout == "main\n"
