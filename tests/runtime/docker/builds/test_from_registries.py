"""Dependencies from the public registries, reached the way this machine reaches them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sandbox.runtime.buildpack.python import find_uv
from tests.runtime.docker.builds.kitchen import Kitchen, workload, write

pytestmark = pytest.mark.network

HATCH = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
PROJECT = f'{HATCH}[project]\nname = "shop"\nversion = "1.0"\ndependencies = ["six==1.16.0"]\n'
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>shop</groupId> <artifactId>depot</artifactId> <version>1.0</version>
  <properties>
    <maven.compiler.source>11</maven.compiler.source> <maven.compiler.target>11</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency><groupId>com.google.code.gson</groupId><artifactId>gson</artifactId><version>2.10.1</version></dependency>
  </dependencies>
</project>
"""
DEPOT = """package shop;
public class Depot {
    public static void main(String[] args) { System.out.println(new com.google.gson.Gson().toJson("%s")); }
}
"""
CART = """package main

import "github.com/google/uuid"

func main() { println(len(uuid.NewString())) }
"""


@pytest.fixture
def host(host: dict[str, str]) -> dict[str, str]:
    """With this machine's own network settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("SANDBOX_", "DOCKER_"))}
    return {**own, **{name: value for name, value in host.items() if name != "PIP_CONFIG_FILE"}}


async def test_a_python_project_with_a_lock_file_and_a_build_system(
    kitchen: Kitchen, app: Path, host: dict[str, str]
) -> None:
    write(
        app, {"pyproject.toml": PROJECT, "shop/__init__.py": "", "shop/__main__.py": "import six; print(six.__file__)"}
    )
    subprocess.run([find_uv(), "lock", "--quiet"], cwd=app, env=host, check=True)

    built = await kitchen.prepare(workload(app))

    assert built.argv == ("python", "-m", "shop")
    assert kitchen.run(built).startswith("/opt/venv/lib/")
    assert "shop" in kitchen.run(built, "sh", "-c", "ls /opt/venv/lib/*/site-packages")


async def test_npm_with_a_lock_file(kitchen: Kitchen, app: Path, host: dict[str, str]) -> None:
    kitchen.real.image("node")
    package = {"name": "web", "dependencies": {"ms": "2.1.3"}, "scripts": {"start": "node server.js"}}
    write(app, {"package.json": json.dumps(package), "server.js": "console.log(require('ms')('2 days'))\n"})
    subprocess.run(["npm", "install", "--package-lock-only", "--silent"], cwd=app, env=host, check=True)

    assert kitchen.run(await kitchen.prepare(workload(app))) == "172800000\n"
    assert any("npm ci" in line for line in kitchen.said)

    kitchen.said.clear()
    write(app, {"server.js": "console.log(require('ms')('1 day'))\n"})
    assert kitchen.run(await kitchen.prepare(workload(app))) == "86400000\n"
    assert not any("npm ci" in line for line in kitchen.said)


async def test_go_modules(kitchen: Kitchen, app: Path) -> None:
    kitchen.real.image("go")
    module = "module example.com/cart\n\ngo 1.19\n\nrequire github.com/google/uuid v1.3.0\n"
    sums = (
        "github.com/google/uuid v1.3.0 h1:t6JiXgmwXMjEs8VusXIJk2BXHsn+wx8BZdTaoZ5fu7I=\n"
        "github.com/google/uuid v1.3.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n"
    )
    built = await kitchen.prepare(workload(write(app, {"go.mod": module, "go.sum": sums, "main.go": CART})))
    assert kitchen.run(built) == "36\n"

    kitchen.said.clear()
    write(app, {"main.go": CART.replace("println(", "println(1, ")})
    assert kitchen.run(await kitchen.prepare(workload(app))) == "1 36\n"
    assert not any("go mod download" in line for line in kitchen.said)


async def test_maven(kitchen: Kitchen, app: Path) -> None:
    kitchen.real.image("java")
    write(app, {"pom.xml": POM, "src/main/java/shop/Depot.java": DEPOT % "tea"})
    built = await kitchen.prepare(workload(app))
    assert built.argv == ("java", "-cp", "target/classes:target/dependency/*", "shop.Depot")
    assert kitchen.run(built) == '"tea"\n'

    kitchen.said.clear()
    write(app, {"src/main/java/shop/Depot.java": DEPOT % "milk"})
    assert kitchen.run(await kitchen.prepare(workload(app))) == '"milk"\n'
    assert not any("Downloading" in line for line in kitchen.said)
