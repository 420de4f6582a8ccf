"""Finding Envoy: the two packages that share a folder are installed in either order, and one may be removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sandbox
from sandbox.errors import ProxyError
from sandbox.paths import ProjectPaths
from sandbox.proxy import envoy

_FIND = "from sandbox.proxy.envoy import find_envoy; print(find_envoy({}))"


def an_executable(path: Path, script: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def found_from(*folders: Path) -> str:
    """What a Python finds that sees these folders and no installed package."""
    seen = [str(Path(sandbox.__file__).parents[1]), *(str(folder) for folder in folders)]
    lines = [f"import sys; sys.path += {seen}", _FIND]
    done = subprocess.run([sys.executable, "-S", "-c", "; ".join(lines)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("init", [None, "", "raise ImportError('not the package you wanted')\n"])
def test_it_is_found_whoever_owns_the_package(tmp_path: Path, init: str | None) -> None:
    binary = an_executable(tmp_path / "envoy" / "_bin" / "envoy")
    if init is not None:
        (tmp_path / "envoy" / "__init__.py").write_text(init)
    assert found_from(tmp_path) == str(binary)


def test_both_packages_work_together_here() -> None:
    from envoy.config.cluster.v3.cluster_pb2 import Cluster

    assert Cluster(name="x").name == "x"
    assert envoy.find_envoy({}).is_file()


def test_a_named_binary_comes_first(tmp_path: Path) -> None:
    binary = an_executable(tmp_path / "mine")
    assert envoy.find_envoy({"SANDBOX_ENVOY": str(binary)}) == binary


def test_a_named_binary_must_exist_and_run(tmp_path: Path) -> None:
    with pytest.raises(ProxyError, match="no such file"):
        envoy.find_envoy({"SANDBOX_ENVOY": str(tmp_path / "none")})
    binary = an_executable(tmp_path / "mine")
    binary.chmod(0o644)
    with pytest.raises(ProxyError, match="may not be executed"):
        envoy.find_envoy({"SANDBOX_ENVOY": str(binary)})


def test_without_any_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envoy, "_package_folders", list)
    with pytest.raises(ProxyError) as failure:
        envoy.find_envoy({})
    assert "SANDBOX_ENVOY" in failure.value.hint
    assert "Docker" in failure.value.hint


def test_the_version_of_the_packaged_one_and_of_another(tmp_path: Path) -> None:
    packaged = envoy.envoy_version(envoy.find_envoy({}))
    assert packaged.count(".") == 2
    script = "#!/bin/sh\necho 'envoy  version: 0123abcd/9.8.7/Clean/RELEASE/BoringSSL'\n"
    assert envoy.envoy_version(an_executable(tmp_path / "mine", script)) == "9.8.7"
    with pytest.raises(ProxyError, match="can't be run"):
        envoy.envoy_version(an_executable(tmp_path / "broken", "#!/bin/sh\nexit 1\n"))


def test_the_admin_interface_is_the_users_alone(tmp_path: Path) -> None:
    data = envoy.bootstrap(ProjectPaths(tmp_path, "p"), "p")
    assert data["admin"]["address"]["pipe"]["mode"] == 0o600
    assert {"exact": "/stats"} in data["admin"]["allow_paths"]


def test_finding_it_loads_neither_grpc_nor_messages() -> None:
    check = f"{_FIND}; import sys; assert not {{'grpc', 'google.protobuf', 'aiohttp'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, stdout=subprocess.DEVNULL)
