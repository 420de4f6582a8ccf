"""Folders with a Dockerfile of their own, built by a real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.builds import names
from tests.runtime.docker.builds.index import PASSWORD, PackageIndex
from tests.runtime.docker.builds.kitchen import Kitchen, workload, write


@pytest.fixture
def base(kitchen: Kitchen) -> str:
    return kitchen.real.image("run")


async def test_the_command_is_the_images_own(kitchen: Kitchen, app: Path, base: str) -> None:
    write(app, {"Dockerfile": f"FROM {base}\nCOPY . /bread\nCMD cat /bread/loaf\n", "loaf": "rye\n"})
    built = await kitchen.prepare(workload(app))
    assert (built.argv, built.origin) == ((), "Dockerfile")
    assert kitchen.run(built) == "rye\n"
    assert f"FROM {base}" in kitchen.said

    other = await kitchen.prepare(workload(app, command=("echo", "hi")))
    assert (other.image, other.argv) == (built.image, ("echo", "hi"))


async def test_dockerfile_target_and_args(kitchen: Kitchen, tmp_path: Path, app: Path, base: str) -> None:
    text = "ARG BASE=nothing:1\nFROM ${BASE} AS flour\nARG KIND=wheat\nRUN echo $KIND > /kind\nFROM flour\nRUN exit 1\n"
    write(tmp_path, {"elsewhere/my.Dockerfile": text})
    built = await kitchen.prepare(
        workload(app, dockerfile="../elsewhere/my.Dockerfile", target="flour", args={"BASE": base, "KIND": "rye"})
    )
    assert kitchen.run(built, "cat", "/kind") == "rye\n"
    kinds = [kitchen.real.api.inspect_image(image["Id"])["Config"]["Labels"][names.KIND] for image in kitchen.images()]
    assert "stage" not in kinds


async def test_dockerignore_is_respected(kitchen: Kitchen, app: Path, base: str) -> None:
    write(
        app,
        {
            "Dockerfile": f"FROM {base}\nWORKDIR /src\nCOPY . .\nCMD find . -type f\n",
            ".dockerignore": "# comment\n\n*.log\n**/cache\nsecret\n!secret/public.txt\n/only-here.txt\n",
            "a.log": "",
            "deep/a.log": "",
            "deep/cache/x": "",
            "secret/key": "",
            "secret/public.txt": "",
            "only-here.txt": "",
            "deep/only-here.txt": "",
            ".env": "KEPT=1",
        },
    )
    built = await kitchen.prepare(workload(app))
    assert sorted(kitchen.run(built).split()) == [
        "./.env",
        "./Dockerfile",
        "./deep/a.log",
        "./deep/only-here.txt",
        "./secret/public.txt",
    ]


async def test_an_ignore_file_of_one_dockerfile(kitchen: Kitchen, app: Path, base: str) -> None:
    write(app, {"web.Dockerfile": f"FROM {base}\nCOPY . /src\nCMD ls /src\n", "a": "", "b": "", ".dockerignore": "a"})
    write(app, {"web.Dockerfile.dockerignore": "b\n*Dockerfile*\n"})
    built = await kitchen.prepare(workload(app, dockerfile="web.Dockerfile"))
    assert kitchen.run(built).split() == ["a"]


async def test_layers_are_cached(kitchen: Kitchen, app: Path, base: str) -> None:
    write(app, {"Dockerfile": f"FROM {base}\nRUN cat /proc/sys/kernel/random/uuid > /made\nCOPY loaf /\n", "loaf": "1"})
    first = await kitchen.prepare(workload(app))
    write(app, {"loaf": "2"})
    second = await kitchen.prepare(workload(app))
    assert first.image != second.image
    assert kitchen.run(first, "cat", "/made") == kitchen.run(second, "cat", "/made")


async def test_stages_are_cached_too_where_nothing_secret_goes_in(
    kitchen: Kitchen, app: Path, base: str, index: PackageIndex, host: dict[str, str]
) -> None:
    host["SSL_CERT_FILE"] = str(index.bundle)
    text = f"FROM {base} AS build\nRUN cat /proc/sys/kernel/random/uuid > /made && cp $SSL_CERT_FILE /ca\n"
    write(app, {"Dockerfile": f"{text}FROM {base}\nCOPY --from=build /made /\nCOPY loaf /\n", "loaf": "1"})
    first = await kitchen.prepare(workload(app))
    write(app, {"loaf": "2"})
    second = await kitchen.prepare(workload(app))
    assert first.image != second.image
    assert kitchen.run(first, "cat", "/made") == kitchen.run(second, "cat", "/made")
    assert kitchen.tags("files") == set()
    assert index.bundle.read_text().splitlines()[1] not in kitchen.told_by(second.image)


async def test_proxies_are_there_while_it_builds_and_nowhere_afterwards(
    kitchen: Kitchen, app: Path, base: str, host: dict[str, str]
) -> None:
    host["HTTPS_PROXY"] = "http://jo:hush-hush@proxy.invalid:3128"
    write(app, {"Dockerfile": f"FROM {base}\nRUN echo proxy=$https_proxy; test $HTTPS_PROXY = $https_proxy\n"})
    built = await kitchen.prepare(workload(app))
    assert "proxy=http://jo:***@proxy.invalid:3128" in kitchen.said
    assert "proxy.invalid" not in kitchen.told_by(built.image)


async def test_only_stages_that_do_not_become_the_image_get_the_index(
    kitchen: Kitchen, app: Path, host: dict[str, str], index: PackageIndex
) -> None:
    python = kitchen.real.image("python")
    host |= {"PIP_INDEX_URL": index.url, "SSL_CERT_FILE": str(index.bundle)}
    install = "RUN python3 -m venv /venv && /venv/bin/pip install --no-cache-dir crumb\n"
    write(
        app,
        {
            "Dockerfile": f"FROM {python} AS build\n{install}COPY . /src\nFROM {python}\n"
            "COPY --from=build /venv /venv\nCOPY --from=build /src /src\nRUN echo index=$PIP_INDEX_URL\n"
            'CMD ["/venv/bin/python", "-c", "import crumb; print(crumb.SAYS)"]\n'
        },
    )
    built = await kitchen.prepare(workload(app))

    assert kitchen.run(built) == "good morning\n"
    assert "index=" in kitchen.said
    told = kitchen.told_by(built.image)
    assert PASSWORD not in told
    assert index.bundle.read_text().splitlines()[1] not in told
    assert kitchen.real.api.images(filters=names.filters(kitchen.project, **{names.KIND: "stage"})) == []


async def test_a_final_stage_that_asks_for_the_index_does_not_get_it(
    kitchen: Kitchen, app: Path, base: str, host: dict[str, str]
) -> None:
    host["PIP_INDEX_URL"] = "https://jo:hush-hush@packages.invalid/simple"
    write(app, {"Dockerfile": f"FROM {base}\nARG PIP_INDEX_URL\nRUN echo index=$PIP_INDEX_URL\n"})
    built = await kitchen.prepare(workload(app))
    assert "index=" in kitchen.said
    assert any(line.startswith("PIP_INDEX_URL is not passed: ") for line in kitchen.said)
    assert "packages.invalid" not in kitchen.told_by(built.image)


async def test_certificates_for_a_final_stage_are_refused_with_the_reason(
    kitchen: Kitchen, app: Path, base: str, index: PackageIndex, host: dict[str, str]
) -> None:
    host["SSL_CERT_FILE"] = str(index.bundle)
    write(app, {"Dockerfile": f"FROM {base}\nRUN echo SSL: certificate verify failed; exit 1\n"})
    with pytest.raises(RuntimeFailure, match="SSL: certificate verify failed") as failure:
        await kitchen.prepare(workload(app))
    assert failure.value.hint.startswith("install packages in an earlier stage (FROM … AS …)")


@pytest.mark.parametrize(
    ("text", "message", "place", "hint"),
    [
        ("FROM {base}\nRUNN x\n", "unknown instruction: RUNN", "{app}/Dockerfile:2", "correct the line"),
        ("FROM {base}\nCOPY nothing /\n", "COPY failed: .*nothing", "orders", "check the path, and that .dockerignore"),
        ("FROM {base}\nRUN --mount=type=cache,target=/x ls\n", "BuildKit", "orders", "the engine's classic builder"),
        ("FROM {base}\nRUN echo burnt >&2; exit 3\n", "could not be built: burnt", "orders", "see the output above"),
        ("FROM {base}\nRUN exit 3\n", "exit 3 ended with 3 and said nothing", "orders", "see the output above"),
        (
            "FROM ${{NOTHING}}\n",
            "could not be built: base name .* should not be blank",
            "orders",
            "check the name of the image",
        ),
        ("FROM Not/A:Name:At:All\n", "invalid reference format", "orders", "check the name of the image"),
        ("FROM 127.0.0.1:1/none:1\n", "connection refused", "orders", "check the network, or load the image by hand"),
        ("", "{app}/Dockerfile.* cannot be empty", "orders", "write a Dockerfile, or remove it"),
    ],
)
async def test_a_build_that_fails(
    kitchen: Kitchen, app: Path, base: str, text: str, message: str, place: str, hint: str
) -> None:
    write(app, {"Dockerfile": text.format(base=base)})
    with pytest.raises(RuntimeFailure, match=message.format(app=app)) as failure:
        await kitchen.prepare(workload(app))
    assert failure.value.place == place.format(app=app)
    assert failure.value.hint.startswith(hint)


async def test_a_target_that_does_not_exist(kitchen: Kitchen, app: Path, base: str) -> None:
    write(app, {"Dockerfile": f"FROM {base} AS one\n"})
    with pytest.raises(RuntimeFailure, match="two") as failure:
        await kitchen.prepare(workload(app, target="two"))
    assert failure.value.hint == "name a stage of the Dockerfile in build: {target: …}"


async def test_files_that_are_not_there(kitchen: Kitchen, app: Path) -> None:
    with pytest.raises(RuntimeFailure, match="can't be read: No such file") as failure:
        await kitchen.prepare(workload(app, dockerfile="web.Dockerfile"))
    assert failure.value.place == str(app / "web.Dockerfile")
    with pytest.raises(RuntimeFailure, match="can't be read: No such file") as failure:
        await kitchen.prepare(workload(app / "nowhere"))
    assert failure.value.place == str(app / "nowhere")


async def test_old_images_go_and_those_in_use_stay(kitchen: Kitchen, app: Path, base: str) -> None:
    write(app, {"Dockerfile": f"FROM {base} AS build\nCOPY n /n\nFROM {base}\nCOPY --from=build /n /n\n"})
    made: list[str] = []
    for number in range(5):
        write(app, {"n": str(number)})
        made.append((await kitchen.prepare(workload(app))).image)
    other = (await kitchen.prepare(workload(app, version="v2"))).image
    container = kitchen.real.api.create_container(made[1], ["true"])["Id"]
    try:
        await kitchen.builder.prune({made[0]})
        left = {str(image["Id"]) for image in kitchen.real.api.images(filters=names.filters(kitchen.project))}
        assert {made[0], made[1], made[3], made[4], other} <= left
        assert made[2] not in left
    finally:
        kitchen.real.api.remove_container(container)


@pytest.mark.parametrize("own", [True, False])
async def test_another_image_of_the_same_name_is_built_upon(
    kitchen: Kitchen, app: Path, base: str, host: dict[str, str], own: bool
) -> None:
    name = f"sandbox/{kitchen.project}/base"
    host["SANDBOX_IMAGE_RUN"] = f"{name}:1"
    write(app, {"Dockerfile" if own else "serve": f"FROM {name}:1\n"})
    images: list[str] = []
    try:
        for origin in (base, kitchen.real.image("python")):
            kitchen.real.api.tag(origin, name, "1")
            images.append((await kitchen.prepare(workload(app, command=("./serve",)))).image)
    finally:
        kitchen.real.api.remove_image(f"{name}:1", force=True)
    layers = [kitchen.real.api.inspect_image(image)["RootFS"]["Layers"][:2] for image in images]
    assert layers[0] != layers[1]
