"""Folders without a Dockerfile become images of a real engine."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.builds import Builder, names
from sandbox.runtime.docker.builds.answers import answers
from sandbox.runtime.docker.engine import Engine
from tests.runtime.docker.builds.index import PASSWORD, USER, PackageIndex, wheel
from tests.runtime.docker.builds.kitchen import PROJECT, Kitchen, workload, write

APP = {"app.py": "import crumb, os\nprint(crumb.SAYS, os.getuid(), os.getcwd())\n", "requirements.txt": "crumb\n"}


@pytest.fixture
def corporate(host: dict[str, str], index: PackageIndex) -> None:
    """The user's packages come from the index, and from nowhere else."""
    host |= {"PIP_INDEX_URL": index.url, "SSL_CERT_FILE": str(index.bundle)}


@pytest.fixture
def bare() -> dict[str, str]:
    return {"app.py": "print('hello')\n"}


@pytest.mark.usefixtures("corporate")
async def test_python_with_requirements(kitchen: Kitchen, app: Path) -> None:
    built = await kitchen.prepare(workload(write(app, APP)))

    assert built.argv == ("python", "app.py")
    assert built.origin == "app.py"
    assert kitchen.run(built) == "good morning 65532 /app\n"
    assert kitchen.said[0] == "python app.py (from app.py)"
    assert any(line.startswith("Successfully installed crumb-1.0") for line in kitchen.said)


@pytest.mark.usefixtures("corporate")
async def test_nothing_of_the_hosts_network_is_in_the_image(
    kitchen: Kitchen, app: Path, index: PackageIndex, host: dict[str, str]
) -> None:
    host["HTTPS_PROXY"] = "http://proxy.invalid:3128"
    host["NO_PROXY"] = "127.0.0.1"
    built = await kitchen.prepare(workload(write(app, APP)))

    told = kitchen.told_by(built.image)
    secret, _, _ = index.url.partition("://")[2].partition("@")
    authority = index.bundle.read_text().splitlines()[1]
    assert "SAYS = 'good morning'" in told  # it does look into files
    for private in (secret, PASSWORD, index.address, authority, "sandbox-build", "proxy.invalid"):
        assert private not in told, private


@pytest.mark.usefixtures("corporate")
async def test_nothing_of_it_stays_in_the_engine_either(kitchen: Kitchen, app: Path, index: PackageIndex) -> None:
    await kitchen.prepare(workload(write(app, APP)))

    kinds = {str((image["Labels"] or {})[names.KIND]) for image in kitchen.images()}  # type: ignore[index]
    assert kinds == {"service", "dependencies"}
    left = json.dumps([kitchen.real.api.history(image["Id"]) for image in kitchen.images()])
    assert "PIP_INDEX_URL" not in left
    assert PASSWORD not in "\n".join(kitchen.said)
    assert index.url.partition("@")[0] not in "\n".join(kitchen.said)


@pytest.mark.usefixtures("corporate")
async def test_another_source_installs_nothing_anew(kitchen: Kitchen, app: Path, index: PackageIndex) -> None:
    first = await kitchen.prepare(workload(write(app, APP)))
    assert index.served == ["crumb-1.0-py3-none-any.whl"]

    write(app, {"app.py": "import crumb\nprint('and', crumb.SAYS)\n"})
    second = await kitchen.prepare(workload(app))
    assert kitchen.run(second) == "and good morning\n"
    assert len(index.served) == 1

    write(app, APP)
    assert await kitchen.prepare(workload(app)) == first

    write(app, {"requirements.txt": "crumb\nloaf\n", "app.py": "import loaf\nprint(loaf.SAYS)\n"})
    assert kitchen.run(await kitchen.prepare(workload(app))) == "good evening\n"


@pytest.mark.usefixtures("corporate")
async def test_nothing_changed_is_quick_also_for_the_next_supervisor(
    kitchen: Kitchen, app: Path, host: dict[str, str]
) -> None:
    first = await kitchen.prepare(workload(write(app, APP)))
    kitchen.said.clear()

    began = time.monotonic()
    again = await Builder(kitchen.engine, PROJECT, {}, host).prepare(workload(app), kitchen.said.append)

    assert again == first
    assert time.monotonic() - began < 0.5
    assert kitchen.said == ["python app.py (from app.py)"]


@pytest.mark.usefixtures("corporate")
async def test_versions_that_need_the_same_install_it_once(kitchen: Kitchen, app: Path, index: PackageIndex) -> None:
    write(app, APP)
    built = await asyncio.gather(*(kitchen.prepare(workload(app, version=version)) for version in ("v1", "v2", "v3")))

    assert len({one.image for one in built}) == 3
    assert len(index.served) == 1
    assert len(kitchen.tags("dependencies")) == 1


async def test_without_its_certificate_the_index_is_not_trusted(
    kitchen: Kitchen, app: Path, index: PackageIndex, host: dict[str, str]
) -> None:
    host |= {"PIP_INDEX_URL": index.url, "PIP_RETRIES": "0"}
    with pytest.raises(RuntimeFailure, match=r"could not be built: ") as failure:
        await kitchen.prepare(workload(write(app, APP)))
    assert failure.value.place == "orders"
    assert failure.value.hint == "name your network's certificates: SSL_CERT_FILE=/path/to/bundle.pem"
    assert kitchen.images() == []


@pytest.mark.usefixtures("corporate")
async def test_a_package_that_does_not_exist(kitchen: Kitchen, app: Path) -> None:
    write(app, {"app.py": "", "requirements.txt": "crumbs-of-nothing\n"})
    with pytest.raises(RuntimeFailure, match="No matching distribution found for crumbs-of-nothing") as failure:
        await kitchen.prepare(workload(app))
    assert failure.value.hint == "check the names and versions of the packages"
    assert kitchen.images() == []


async def test_a_cancelled_build_ends_and_leaves_nothing(kitchen: Kitchen, app: Path) -> None:
    write(app, {"Dockerfile": f"FROM {kitchen.real.image('run')}\nRUN echo it runs && sleep 600 # {kitchen.project}\n"})
    building = asyncio.create_task(kitchen.prepare(workload(app)))
    async with asyncio.timeout(30):
        while "it runs" not in kitchen.said:
            await asyncio.sleep(0.01)
    [container] = sleeping(kitchen)

    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building

    async with asyncio.timeout(30):
        while sleeping(kitchen):
            await asyncio.sleep(0.05)
    assert container


def sleeping(kitchen: Kitchen) -> list[str]:
    mine = f"sleep 600 # {kitchen.project}"
    return [found["Id"] for found in kitchen.real.api.containers(all=True) if mine in found["Command"]]


async def test_the_defaults_leave_out_what_is_useless_or_private(kitchen: Kitchen, app: Path) -> None:
    write(
        app,
        {
            "main.sh": "#!/bin/sh\n",
            "templates/page.html": "",
            ".env": "PASSWORD=x",
            ".npmrc": "//registry/:_authToken=x",
            ".git/config": "",
            "deep/node_modules/left/pad.js": "",
            ".venv/bin/python": "",
            "sandbox.yaml": "name: x",
        },
    )
    built = await kitchen.prepare(workload(app, command=("find", ".", "-type", "f")))
    assert sorted(kitchen.run(built).split()) == ["./main.sh", "./templates/page.html"]
    assert kitchen.said[0] == ".env stays out of the image; name it in sandbox.yaml: env_file: .env"


async def test_a_dockerignore_adds_to_the_defaults(kitchen: Kitchen, app: Path) -> None:
    write(app, {"a.txt": "", "b.txt": "", ".dockerignore": "# not this\na.txt\n!.env\n", ".env": "A=1", ".git/x": ""})
    built = await kitchen.prepare(workload(app, command=("find", ".", "-type", "f")))
    assert sorted(kitchen.run(built).split()) == ["./.env", "./b.txt"]


async def test_the_program_owns_its_folder(kitchen: Kitchen, app: Path, bare: dict[str, str]) -> None:
    built = await kitchen.prepare(workload(write(app, bare)))
    assert kitchen.run(built, "sh", "-c", "touch /app/x $HOME/y && cat /app/app.py") == "print('hello')\n"


async def test_a_script_stays_executable_and_a_link_a_link(kitchen: Kitchen, app: Path) -> None:
    write(app, {"serve": "#!/bin/sh\necho $0 $(readlink here) $@\n"})
    (app / "serve").chmod(0o755)
    (app / "here").symlink_to("serve")
    built = await kitchen.prepare(workload(app, command=("./serve", "bread")))
    assert kitchen.run(built) == "./serve serve bread\n"


async def test_labels_say_whose_image_it_is_but_not_that_a_container_is_an_instance(
    kitchen: Kitchen, app: Path, bare: dict[str, str]
) -> None:
    built = await kitchen.prepare(workload(write(app, bare), version="v2"))

    found = kitchen.real.api.inspect_image(built.image)
    ours = {name: value for name, value in found["Config"]["Labels"].items() if name.startswith("dev.sandbox.")}
    assert ours == {names.PROJECT: PROJECT, names.KIND: "service", names.SERVICE: "orders", names.VERSION: "v2"}
    assert found["RepoTags"][0].startswith(f"sandbox/{PROJECT}/orders:v2-")
    assert found["Config"]["User"] == "65532:65532"


async def test_python_described_by_pyproject_alone(
    kitchen: Kitchen, app: Path, corporate: None, index: PackageIndex
) -> None:
    project = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["crumb>=1"]\ndescription = "{}"\n'
    write(app, {"app.py": APP["app.py"], "pyproject.toml": project.format("one")})
    assert kitchen.run(await kitchen.prepare(workload(app))).startswith("good morning ")

    write(app, {"pyproject.toml": project.format("two")})
    await kitchen.prepare(workload(app))
    assert len(index.served) == 1


async def test_a_step_that_somebody_removed_meanwhile_is_built_again(
    kitchen: Kitchen, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = list[str]()

    async def lost_at_first(engine: Engine, path: str, *words: Any, **more: Any) -> AsyncIterator[Mapping[str, Any]]:
        builds.append(path)
        if len(builds) == 1:
            yield {"error": 'unable to find image "sha256:badecb97887f"'}
            return
        async for message in answers(engine, path, *words, **more):
            yield message

    monkeypatch.setattr("sandbox.runtime.docker.builds.run.answers", lost_at_first)
    write(app, {"serve": "#!/bin/sh\necho bread\n"})
    (app / "serve").chmod(0o755)
    assert kitchen.run(await kitchen.prepare(workload(app, command=("./serve",)))) == "bread\n"
    assert builds == ["/build", "/build"]
    assert "a step that was shared was removed meanwhile: once more" in kitchen.said


async def test_requirements_that_lie_in_the_folder(kitchen: Kitchen, app: Path, index: PackageIndex) -> None:
    write(app, {"app.py": APP["app.py"], "requirements.txt": "./wheels/crumb-1.0-py3-none-any.whl\n"})
    (app / "wheels").mkdir()
    (app / "wheels" / "crumb-1.0-py3-none-any.whl").write_bytes(wheel("crumb", "from the folder"))
    assert kitchen.run(await kitchen.prepare(workload(app))).startswith("from the folder ")
    assert index.served == []


async def test_pages(kitchen: Kitchen, app: Path) -> None:
    built = await kitchen.prepare(workload(write(app, {"index.html": "<p>good morning"})))
    argv = tuple(word.replace("$PORT", "8000").replace("$HOST", "0.0.0.0") for word in built.argv)
    with kitchen.running(built, *argv) as container:
        assert fetch(f"http://{kitchen.address(container)}:8000/") == "<p>good morning"


def fetch(url: str) -> str:
    for _ in attempts(15):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            continue
    raise AssertionError(f"{url} does not answer")


def attempts(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)


async def test_node_with_packages_of_its_own(kitchen: Kitchen, app: Path) -> None:
    kitchen.real.image("node")
    package = {"dependencies": {"crumb": "file:./crumb"}, "scripts": {"start": "node server.js"}}
    write(
        app,
        {
            "package.json": json.dumps(package),
            "server.js": "console.log(require('crumb'), process.getuid())\n",
            "crumb/package.json": json.dumps({"name": "crumb", "version": "1.0.0", "main": "crumb.js"}),
            "crumb/crumb.js": "module.exports = 'good morning'\n",
        },
    )
    built = await kitchen.prepare(workload(app))
    assert built.argv == ("node", "server.js")
    assert kitchen.run(built) == "good morning 65532\n"


async def test_node_packages_from_a_registry_of_which_nothing_stays(
    kitchen: Kitchen, app: Path, index: PackageIndex, host: dict[str, str], tmp_path: Path
) -> None:
    kitchen.real.image("node")
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    write(tmp_path, {".npmrc": f"registry=https://{index.address}/npm/\n//{index.address}/npm/:_auth={token}\n"})
    host["NODE_EXTRA_CA_CERTS"] = str(index.bundle)
    package = {"dependencies": {"crumb": "1.0.0"}, "scripts": {"start": "node server.js"}}
    write(app, {"package.json": json.dumps(package), "server.js": "console.log(require('crumb'))\n"})

    built = await kitchen.prepare(workload(app))

    assert kitchen.run(built) == "good morning\n"
    assert index.served == ["crumb-1.0.0.tgz"]
    told = kitchen.told_by(built.image)
    for private in (token, index.address, index.bundle.read_text().splitlines()[1]):
        assert private not in told, private


async def test_go(kitchen: Kitchen, app: Path) -> None:
    kitchen.real.image("go")
    read = 'data, _ := os.ReadFile("a.txt"); println(string(data), len(os.Args))'
    main = f'package main\n\nimport "os"\n\nfunc main() {{ {read} }}\n'
    write(app, {"go.mod": "module example.com/shop/cart\n\ngo 1.19\n", "main.go": main, "a.txt": "tea"})
    built = await kitchen.prepare(workload(app))

    assert built.argv == ("/opt/bin/cart",)
    assert kitchen.run(built) == "tea 1\n"
    assert (
        kitchen.real.api.inspect_image(built.image)["Size"]
        < kitchen.real.api.inspect_image(kitchen.real.image("go"))["Size"]
    )

    named = await kitchen.prepare(workload(app, command=("cart", "x"), version="v2"))
    assert kitchen.run(named) == "tea 2\n"


async def test_a_single_java_file(kitchen: Kitchen, app: Path) -> None:
    kitchen.real.image("java")
    source = 'class Main { public static void main(String[] args) { System.out.println("tea"); } }'
    built = await kitchen.prepare(workload(write(app, {"Main.java": source})))
    assert kitchen.run(built) == "tea\n"
