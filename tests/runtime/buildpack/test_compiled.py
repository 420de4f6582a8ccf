"""Go programs and Maven projects with the real tools, without a network where that is possible."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.model import Build, Healthcheck, NoProbe, Version
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Artifact, Workload
from sandbox.runtime.buildpack import Buildpack
from sandbox.runtime.buildpack.go import KEPT
from tests.runtime.home import until

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
needs_maven = pytest.mark.skipif(shutil.which("mvn") is None, reason="mvn is not installed")

SAYS = 'package main\n\nimport "os"\n\nfunc main() {{ println("{}", len(os.Args)) }}\n'
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>shop</groupId> <artifactId>depot</artifactId> <version>1.0</version>
  <properties>
    <maven.compiler.source>11</maven.compiler.source> <maven.compiler.target>11</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
</project>
"""
DEPOT = 'package shop; public class Depot {{ public static void main(String[] args) {{ System.out.print("{}"); }} }}'


@pytest.fixture
def app(tmp_path: Path) -> Path:
    place = tmp_path / "app"
    place.mkdir()
    return place


async def prepare(
    paths: ProjectPaths, app: Path, said: list[str], command: tuple[str, ...] | None = None, path: str | None = None
) -> Artifact:
    version = Version(name="v1", build=Build(context=app), command=command, healthcheck=Healthcheck(probe=NoProbe()))
    host = dict(os.environ) if path is None else {"PATH": path}
    return await Buildpack(paths, host).prepare(Workload(service="cart", version=version, ports=()), said.append)


def run(artifact: Artifact) -> str:
    done = subprocess.run(artifact.argv, cwd=artifact.cwd, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@needs_go
async def test_a_go_program_is_compiled_and_not_left_to_go_run(paths: ProjectPaths, app: Path) -> None:
    (app / "go.mod").write_text("module example.com/cart\n\ngo 1.19\n")
    (app / "main.go").write_text(SAYS.format("good morning"))
    said: list[str] = []

    artifact = await prepare(paths, app, said)

    assert said == ["go run . (from go.mod)"]
    assert run(artifact) == "good morning 1\n"
    assert Path(artifact.argv[0]).is_relative_to(paths.environments)
    assert sorted(path.name for path in app.iterdir()) == ["go.mod", "main.go"]
    assert await prepare(paths, app, []) == artifact


async def test_a_build_that_is_stopped_leaves_nothing_behind(paths: ProjectPaths, app: Path) -> None:
    """The compiler writes where it is told, and is killed in the middle."""
    tools, told = app.parent / "tools", app.parent / "told"
    tools.mkdir()
    (tools / "go").write_text(f'#!/bin/sh\n: > "$GOTMPDIR/half"\necho "$GOTMPDIR" "$TMPDIR" > {told}\nexec sleep 60\n')
    (tools / "go").chmod(0o755)
    (app / "go.mod").write_text("module example.com/cart\n\ngo 1.19\n")
    (app / "main.go").write_text(SAYS.format("never"))

    building = asyncio.ensure_future(prepare(paths, app, [], path=f"{tools}{os.pathsep}{os.environ['PATH']}"))
    await until(lambda: told.exists() and told.read_text().endswith("\n"))
    temporary = {Path(word) for word in told.read_text().split()}
    assert all(one.parent == paths.building and (one / "half").exists() for one in temporary)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building

    assert list(paths.building.iterdir()) == []


@needs_go
async def test_another_source_is_another_command_and_old_binaries_go(paths: ProjectPaths, app: Path) -> None:
    (app / "go.mod").write_text("module example.com/cart\n\ngo 1.19\n")
    seen: list[Artifact] = []
    for word in ("one", "two", "three", "four"):
        (app / "main.go").write_text(SAYS.format(word))
        seen.append(await prepare(paths, app, [], ("go", "run", ".", "-x", "y")))
        assert run(seen[-1]) == f"{word} 3\n"

    assert len({artifact.fingerprint for artifact in seen}) == 4
    assert [Path(artifact.argv[0]).exists() for artifact in seen] == [False, True, True, True]
    assert len(list(Path(seen[-1].argv[0]).parent.iterdir())) == KEPT


@needs_go
async def test_versions_of_one_folder_are_built_one_after_the_other(paths: ProjectPaths, app: Path) -> None:
    (app / "main.go").write_text(SAYS.format("hello"))
    version = Version(name="v1", build=Build(context=app), healthcheck=Healthcheck(probe=NoProbe()))
    buildpack, workload = Buildpack(paths, os.environ), Workload(service="cart", version=version, ports=())
    first, second = await asyncio.gather(*(buildpack.prepare(workload, print) for _ in range(2)))
    assert first == second
    assert run(first) == "hello 1\n"


@needs_go
async def test_what_the_compiler_says_is_shown(paths: ProjectPaths, app: Path) -> None:
    (app / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(RuntimeFailure, match=r"go build failed: .*main.go:3:15: undefined: nonsense") as failure:
        await prepare(paths, app, [])
    assert failure.value.place == "cart"


@pytest.mark.parametrize(
    ("file", "tool", "hint"),
    [
        ("main.go", "go", "https://go.dev/dl"),
        ("Main.java", "java", "https://adoptium.net"),
    ],
)
async def test_a_missing_toolchain_is_named(paths: ProjectPaths, app: Path, file: str, tool: str, hint: str) -> None:
    (app / file).write_text("package main\n")
    with pytest.raises(RuntimeFailure, match=f"needs {tool}, which is not installed") as failure:
        await prepare(paths, app, [], path="/nowhere")
    assert failure.value.place == "cart"
    assert hint in failure.value.hint
    assert "--runtime docker" in failure.value.hint


@pytest.mark.network
@needs_maven
async def test_a_maven_project_is_packaged_when_its_sources_change(paths: ProjectPaths, app: Path) -> None:
    source = app / "src/main/java/shop/Depot.java"
    source.parent.mkdir(parents=True)
    source.write_text(DEPOT.format("full"))
    (app / "pom.xml").write_text(POM)
    said: list[str] = []

    first = await prepare(paths, app, said)
    assert said[0] == "java -cp target/classes:target/dependency/* shop.Depot (from pom.xml)"
    assert run(first) == "full"

    said.clear()
    assert await prepare(paths, app, said) == first
    assert len(said) == 1

    source.write_text(DEPOT.format("empty"))
    second = await prepare(paths, app, [])
    assert second.fingerprint != first.fingerprint
    assert run(second) == "empty"

    source.write_text("nonsense")
    with pytest.raises(RuntimeFailure, match=r"mvn package failed: .*Depot.java"):
        await prepare(paths, app, [], ("java", "-cp", "target/classes", "shop.Depot"))


async def test_the_wrapper_of_a_folder_serves_where_maven_is_missing(paths: ProjectPaths, app: Path) -> None:
    (app / "pom.xml").write_text(POM)
    (app / "src/main/java").mkdir(parents=True)
    (app / "mvnw").write_text("#!/bin/sh\necho packaging with $*\nmkdir target\n")
    (app / "mvnw").chmod(0o755)
    tools = app.parent / "tools"
    tools.mkdir()
    for tool in ("sh", "mkdir"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    said: list[str] = []
    await prepare(paths, app, said, ("./serve",), path=str(tools))
    assert said == [
        "packaging with -B -ntp -Dmaven.test.skip=true package dependency:copy-dependencies -DincludeScope=runtime"
    ]


async def test_pages_are_served_by_a_bare_python(paths: ProjectPaths, app: Path) -> None:
    (app / "index.html").write_text("<p>good morning")
    artifact = await prepare(paths, app, [])
    assert artifact.environment["VIRTUAL_ENV"].startswith(str(paths.environments / "bare-"))
