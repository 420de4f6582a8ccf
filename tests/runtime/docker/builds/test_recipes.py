"""Generated Dockerfiles, as people read them and as they are built. No engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.model import Build, DockerSettings, Healthcheck, NoProbe, Project, Service, Settings, Version
from sandbox.runtime.docker.builds.dockerfile import Recipe, command, dependency_part, source_part, whole
from sandbox.runtime.docker.builds.generate import generate, needed, own_dockerfile
from tests.runtime.docker.builds.kitchen import write

MAIN = "package main\n"


def recipe(root: Path, files: dict[str, str], argv: tuple[str, ...] | None = None) -> Recipe:
    return generate(Build(context=write(root, files)), argv, lambda purpose: f"our/{purpose}").recipe


def installs(found: Recipe) -> list[str]:
    """What the dependency stage runs and copies."""
    assert found.dependencies is not None
    return [line for line in found.dependencies.lines if line.startswith(("RUN", "COPY"))]


def test_the_whole_and_the_two_parts_it_is_built_in(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"app.py": "x.run()", "requirements.txt": "flask"})
    venv = "RUN python3 -m venv /opt/venv"
    pip = (
        "RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --progress-bar off "
        "-r requirements.txt"
    )
    install = f"FROM our/python AS dependencies\n{venv}\nWORKDIR /app\nCOPY requirements.txt ./\n{pip}\n"
    setup = (
        "FROM our/python\nRUN install -d -o 65532 -g 65532 /app\n"
        "ENV HOME=/app PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PYTHONUNBUFFERED=1\nWORKDIR /app\n"
        "ENTRYPOINT []\nCOPY --from=dependencies /opt/venv /opt/venv\n"
    )
    end = 'COPY --chown=65532:65532 . .\nUSER 65532:65532\nCMD ["python", "app.py"]\n'

    head = "# What sandbox builds where a folder has no Dockerfile. Command: app.py.\n\n"
    assert whole(found, "app.py") == f"{head}{install}\n{setup}{end}"
    assert dependency_part(found) == f"{install}\n{setup}"
    assert source_part(found, "dependencies:1") == f"FROM dependencies:1\n{end}"


def test_a_build_stage_starts_from_the_dependencies(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"go.mod": "module cart", "go.sum": "", "main.go": MAIN})
    assert installs(found) == [
        "COPY go.mod go.sum ./",
        "RUN go mod download"
        " \\\n && rm -rf /opt/go/pkg/mod/cache/download/sumdb"
        " \\\n && go build net/http encoding/json",
    ]
    assert dependency_part(found).endswith("FROM our/go\nCOPY --from=dependencies /opt/go /opt/go\n")
    text = source_part(found, "dependencies:1")
    assert text.startswith("FROM dependencies:1 AS dependencies\n\nFROM dependencies AS build\n")
    assert "\nFROM our/run\n" in text
    assert found.images == {"our/go", "our/run"}


def test_nothing_to_install_is_one_stage(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"app.py": "x.run()"})
    assert found.dependencies is None
    assert source_part(found, None) == whole(found, "x").partition("\n\n")[2]
    assert found.images == {"our/python"}


@pytest.mark.parametrize(
    ("files", "manifests", "build"),
    [
        ({"requirements.txt": "flask"}, ("requirements.txt",), False),
        (
            {"requirements.txt": "-r more/base.txt\n-c limits.txt", "more/base.txt": "", "limits.txt": ""},
            ("limits.txt", "more/base.txt", "requirements.txt"),
            False,
        ),
        ({"requirements.txt": "-e ."}, (".",), False),
        ({"requirements.txt": "./wheels/a.whl"}, (".",), False),
        ({"requirements.txt": "shop @ file:../shop"}, (".",), False),
        ({"requirements.txt": "flask # ./no"}, ("requirements.txt",), False),
        ({"uv.lock": "", "pyproject.toml": "[project]\nname='a'"}, ("pyproject.toml", "uv.lock"), False),
        (
            {"uv.lock": "", "pyproject.toml": "[build-system]\nrequires=[]\n[project]\nname='a'"},
            ("pyproject.toml", "uv.lock"),
            True,
        ),
        ({"pyproject.toml": "[project]\nname='a'\ndependencies=['flask']"}, (), False),
        ({"pyproject.toml": "[build-system]\nrequires=['hatchling']\n[project]\nname='a'"}, (), True),
    ],
)
def test_what_python_dependencies_are_made_from(
    tmp_path: Path, files: dict[str, str], manifests: tuple[str, ...], build: bool
) -> None:
    found = recipe(tmp_path, {"app.py": "x.run()", **files})
    assert found.manifests == manifests
    assert (found.build is not None) == build


def test_included_requirements_keep_their_places(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"app.py": "", "requirements.txt": "-r more/base.txt", "more/base.txt": ""})
    assert installs(found)[1:3] == ["COPY requirements.txt ./", "COPY more/base.txt ./more/"]


def test_named_requirements_are_quoted(tmp_path: Path) -> None:
    project = "[project]\nname='a'\ndependencies=['a>=1; python_version < \"3.12\"', '''b\n ==2''']"
    found = recipe(tmp_path, {"app.py": "", "pyproject.toml": project})
    assert installs(found)[-1].endswith("""'a>=1; python_version < "3.12"' 'b ==2'""")


def test_dependencies_that_only_the_build_system_knows_are_installed_with_the_project(tmp_path: Path) -> None:
    project = "[build-system]\nrequires=['setuptools']\n[project]\nname='a'\ndynamic=['dependencies']"
    found = recipe(tmp_path, {"app.py": "", "pyproject.toml": project})
    assert found.build is not None
    assert found.build.lines[-1].endswith("--progress-bar off .")


@pytest.mark.parametrize(
    ("files", "manifests", "install"),
    [
        ({"package-lock.json": "{}", ".npmrc": ""}, ("package.json", "package-lock.json", ".npmrc"), "npm ci "),
        ({}, ("package.json",), "npm install --no-package-lock "),
        (
            {"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"},
            ("package.json", "pnpm-lock.yaml"),
            "npm install --global --no-audit --no-fund --no-update-notifier pnpm@10 \\\n && pnpm install --frozen",
        ),
        (
            {"yarn.lock": "# yarn lockfile v1"},
            ("package.json", "yarn.lock"),
            "npm install --global --force --no-audit --no-fund --no-update-notifier yarn@1 \\\n && yarn install",
        ),
        (
            {"yarn.lock": "__metadata:\n  version: 8\n"},
            ("package.json", "yarn.lock"),
            "npm install --global --no-audit --no-fund --no-update-notifier @yarnpkg/cli-dist@4.9 ",
        ),
    ],
)
def test_what_node_packages_are_made_from(
    tmp_path: Path, files: dict[str, str], manifests: tuple[str, ...], install: str
) -> None:
    package = json.dumps({"dependencies": {"ms": "2"}, "scripts": {"start": "node a.js"}})
    found = recipe(tmp_path, {"package.json": package, **files})
    assert found.manifests == manifests
    assert installs(found)[-1].startswith(f"RUN {install}")


@pytest.mark.parametrize(
    "more",
    [
        {"scripts": {"start": "node a.js", "postinstall": "node build.js"}},
        {"workspaces": ["packages/*"]},
        {"dependencies": {"crumb": "file:../crumb"}},
        {"devDependencies": {"crumb": "workspace:*"}},
    ],
)
def test_a_package_that_installs_with_its_own_files(tmp_path: Path, more: dict[str, object]) -> None:
    package = {"dependencies": {"ms": "2"}, "scripts": {"start": "node a.js"}, **more}
    found = recipe(tmp_path, {"package.json": json.dumps(package)})
    assert found.manifests == (".",)
    assert installs(found)[0] == "COPY . ."


def test_the_version_of_a_package_manager_that_is_named_wins(tmp_path: Path) -> None:
    package = {"dependencies": {"ms": "2"}, "packageManager": "pnpm@9.1.2+sha512.abc", "scripts": {"start": "node a"}}
    found = recipe(tmp_path, {"package.json": json.dumps(package), "pnpm-lock.yaml": "lockfileVersion: '6.0'"})
    assert " pnpm@9.1.2 " in installs(found)[-1]


@pytest.mark.parametrize(
    ("files", "manifests"),
    [
        ({"go.mod": "module a\nreplace b => ../b"}, (".",)),
        ({"go.mod": "module a", "go.work": ""}, (".",)),
        ({"go.mod": "module a", "vendor/x": ""}, ()),
        ({}, ()),
    ],
)
def test_what_go_modules_are_made_from(tmp_path: Path, files: dict[str, str], manifests: tuple[str, ...]) -> None:
    assert recipe(tmp_path, {"main.go": MAIN, **files}).manifests == manifests


def test_a_go_command_that_is_no_go_run_finds_all_programs(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"go.mod": "module a", "cmd/x/main.go": MAIN}, ("x", "-v"))
    assert found.build is not None
    assert found.build.lines[-1] == "RUN go build -o /opt/bin/ ./..."
    assert found.argv == ("x", "-v")


def test_any_other_program(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"serve": "#!/bin/sh"}, ("./serve", "$PORT"))
    assert (found.base, found.argv, found.dependencies) == ("our/run", ("./serve", "$PORT"), None)


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("python", "app.py"), '["python", "app.py"]'),
        (("echo", 'a "b" \\'), '["echo", "a \\"b\\" \\\\"]'),
        (("serve", "--port", "$PORT"), '["/bin/sh", "-c", "exec \\"serve\\" \\"--port\\" \\"$PORT\\""]'),
        (("a", '$HOST:"x"`y`'), '["/bin/sh", "-c", "exec \\"a\\" \\"$HOST:\\\\\\"x\\\\\\"\\\\`y\\\\`\\""]'),
    ],
)
def test_how_a_command_is_written(argv: tuple[str, ...], text: str) -> None:
    assert command(argv) == text


def test_which_dockerfile_is_the_users(tmp_path: Path) -> None:
    assert own_dockerfile(Build(context=tmp_path)) is None
    assert own_dockerfile(Build(context=tmp_path, dockerfile="../x")) == "../x"
    (tmp_path / "Dockerfile").touch()
    assert own_dockerfile(Build(context=tmp_path)) == "Dockerfile"


def test_which_images_a_project_needs(tmp_path: Path) -> None:
    write(tmp_path, {"go/main.go": MAIN, "own/Dockerfile": "FROM x", "py/app.py": "x.run()", "what/is": ""})

    def service(name: str, folder: str | None, image: str | None = None, runtime: str | None = None) -> Service:
        build = None if folder is None else Build(context=tmp_path / folder)
        version = Version(name="v1", build=build, image=image, healthcheck=Healthcheck(probe=NoProbe()))
        return Service(name=name, versions=(version,), runtime=runtime)

    services = (
        service("a", "go"),
        service("b", "own"),
        service("c", None, "redis:7"),
        service("d", "py", runtime="process"),
        service("e", "what"),
    )
    settings = Settings(docker=DockerSettings(images={"run": "our/run"}))
    project = Project(
        name="x", root=tmp_path, files=(), services={one.name: one for one in services}, settings=settings
    )
    assert needed(project, {"SANDBOX_IMAGE_GO": "our/go"}) == {"our/go", "our/run", "redis:7"}
    assert needed(project, {}, runtime="process") == set()
    with pytest.raises(RuntimeFailure):
        generate(Build(context=tmp_path / "what"), None, str)
