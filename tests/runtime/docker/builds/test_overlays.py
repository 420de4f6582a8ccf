"""A container that gets an archive over its image holds what one of a new image would, in a real engine."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sandbox.model import Mount, MountKind
from sandbox.runtime.base import Workload
from sandbox.runtime.docker.builds import Builder, Built
from sandbox.runtime.docker.builds.base import MOST_BYTES
from tests.runtime.docker.builds.kitchen import PROJECT, Kitchen, workload, write

PASSWD = "root:x:0:0::/:/bin/sh\nbaker:x:1234:77::/:/bin/sh\n"
GROUP = "root:x:0:\nmill:x:77:\nbaker:x:99:\n"

FILES = {
    "app.py": "print(1)\n",
    "requirements.txt": "flask\n",
    "shop/__init__.py": "",
    "shop/loaf.py": "LOAF = 'rye'\n",
    "shop/pages/index.html": "<p>rye</p>\n",
    "conf/shop.toml": "loaves = 3\n",
    "serve": "#!/bin/sh\n",
}

DOCKERFILES = {
    "everything": "WORKDIR /app\nCOPY . .\nCMD serve\n",
    "owner": "WORKDIR /app\nCOPY --chown=1000:1001 . .\nUSER 1000\n",
    "named": "WORKDIR /app\nCOPY --chown=baker:mill . /app/\nCOPY --chown=baker conf /etc/conf\n",
    "in the root": "COPY . /\n",
    "inherited": "COPY shop shop\nCOPY app.py .\n",
    "one by one": "WORKDIR /srv\nCOPY app.py serve ./\nCOPY shop/loaf.py loaf.py\nCOPY shop /srv/lib/shop\n",
    "over each other": "WORKDIR /app\nCOPY . .\nCOPY conf/shop.toml shop/loaf.py\nCOPY shop/pages ./\n",
    "into links": "COPY app.py /linked/\nCOPY shop /linked/shop/\n",
    "variables": "ENV HERE=/app\nWORKDIR $HERE\nCOPY . .\nEXPOSE 80\n",
    "wildcards": "WORKDIR /app\nCOPY *.txt ./\nCOPY shop ./shop\n",
    "json": 'WORKDIR /app\nCOPY ["app.py", "serve", "/bin/"]\nCOPY [".", "."]\n',
    "stages": "COPY conf /made\nFROM {base} AS last\nWORKDIR /app\nCOPY shop .\nCOPY --from=0 /made /app/made\n",
}


@pytest.fixture
async def base(kitchen: Kitchen) -> AsyncIterator[str]:
    """A small image, since all of it is compared: it has users, folders and a link, and nothing that runs."""
    name = f"{PROJECT}-overlays:1"
    api = kitchen.real.api
    api.import_image_from_data(packed_base(), *name.split(":"), changes=["WORKDIR /srv", "CMD serve"])
    yield name
    api.remove_image(name, force=True)


def packed_base() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, text in {"etc/passwd": PASSWD, "etc/group": GROUP, "app/old.txt": "old", "srv/real/x": ""}.items():
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("linked")
        link.type, link.linkname = tarfile.SYMTYPE, "/srv/real"
        tar.addfile(link)
    return packed.getvalue()


@dataclass
class Twins:
    """Of one folder: a builder that remembers, and one that builds at every save."""

    kitchen: Kitchen
    remembers: Builder
    folder: Path

    async def prepare(self, wanted: Workload) -> Built:
        return await self.remembers.prepare(wanted, self.kitchen.said.append)

    async def rebuilt(self, wanted: Workload) -> Built:
        return await self.kitchen.prepare(wanted)

    def inside(self, built: Built) -> dict[str, tuple[object, ...]]:
        """Everything in a container of it, but for times."""
        api = self.kitchen.real.api
        container = api.create_container(built.image, ["serve"])["Id"]
        try:
            if built.overlay is not None:
                assert api.put_archive(container, "/", built.overlay.read_bytes())
            return _members(b"".join(api.export(container)))
        finally:
            api.remove_container(container, v=True, force=True)


def _members(data: bytes) -> dict[str, tuple[object, ...]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {one.name: (one.type, one.mode, one.uid, one.gid, one.linkname, _digest(tar, one)) for one in tar}


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member) if member.isreg() else None
    return hashlib.sha256(file.read()).hexdigest() if file is not None else ""


@pytest.fixture
def twins(kitchen: Kitchen, host: dict[str, str], tmp_path: Path) -> Twins:
    folder = tmp_path / "docker"
    return Twins(kitchen, Builder(kitchen.engine, PROJECT, {}, host, folder), folder)


def lay(app: Path, text: str, base: str) -> Workload:
    write(app, {**FILES, "Dockerfile": f"FROM {base}\n{text.replace('{base}', base)}"})
    (app / "serve").chmod(0o755)
    (app / "link").symlink_to("shop/loaf.py")
    return workload(app)


def work(app: Path) -> None:
    """Files edited, replaced and made, modes and a link changed; nothing is taken away."""
    write(app, {"app.py": "print(2)\n", "shop/pages/index.html": "<p>oat</p>\n", "swap": "LOAF = 'oat'\n"})
    (app / "swap").replace(app / "shop/loaf.py")
    write(app, {"new.py": "1\n", "shop/new/deep/one.py": "2\n", "conf/more.toml": ""})
    (app / "serve").chmod(0o744)
    (app / "shop" / "void").mkdir(mode=0o700)
    (app / "link").unlink()
    (app / "link").symlink_to("/elsewhere")


@pytest.mark.parametrize("name", DOCKERFILES)
async def test_the_same_as_a_build(twins: Twins, app: Path, base: str, name: str) -> None:
    wanted = lay(app, DOCKERFILES[name], base)
    first = await twins.prepare(wanted)
    write(app, {"shop/loaf.py": "LOAF = 'spelt'\n"})
    second = await twins.prepare(wanted)
    assert second.image == first.image
    assert twins.inside(second) == twins.inside(await twins.rebuilt(wanted))

    work(app)
    newest = await twins.prepare(wanted)
    assert (newest.image == first.image) is (name != "stages")  # what another stage takes is built
    assert twins.inside(newest) == twins.inside(await twins.rebuilt(wanted))


async def test_a_folder_without_a_dockerfile(twins: Twins, app: Path) -> None:
    wanted = workload(write(app, {"app.py": "print(1)\n", "shop/loaf.py": "LOAF = 'rye'\n", "requirements.txt": ""}))
    first = await twins.prepare(wanted)
    write(app, {"app.py": "print(2)\n", "shop/oat.py": "", ".env": "SECRET=1\n"})
    newest = await twins.prepare(wanted)
    assert newest.image == first.image
    assert newest.overlay is not None
    with tarfile.open(newest.overlay) as tar:
        found = [(one.name, one.uid, one.gid, one.mode) for one in tar]
    assert found == [("app/app.py", 65532, 65532, 0o644), ("app/shop/oat.py", 65532, 65532, 0o644)]

    write(app, {"requirements.txt": "# nothing yet\n"})
    assert (await twins.prepare(wanted)).overlay is None


async def test_what_returns_to_the_image_needs_nothing(twins: Twins, app: Path, base: str) -> None:
    wanted = lay(app, "COPY . /app/\n", base)
    first = await twins.prepare(wanted)
    write(app, {"app.py": "print(2)\n"})
    second = await twins.prepare(wanted)
    write(app, {"app.py": FILES["app.py"]})
    third = await twins.prepare(wanted)
    assert (first.overlay, third.overlay) == (None, None)
    assert first.contents == third.contents != second.contents
    assert twins.kitchen.said[-1] == "1 newer file goes over the image that is there"


async def test_another_builder_comes_to_the_same(
    twins: Twins, app: Path, base: str, host: dict[str, str], kitchen: Kitchen
) -> None:
    wanted = lay(app, "COPY --chown=baker:mill . /app/\n", base)
    await twins.prepare(wanted)
    write(app, {"app.py": "print(2)\n"})
    before = await twins.prepare(wanted)
    (app / "app.py").touch()
    again = await Builder(kitchen.engine, PROJECT, {}, host, twins.folder).prepare(wanted, kitchen.said.append)
    assert again == before
    assert {path.stat().st_mode & 0o777 for path in twins.folder.rglob("*") if path.is_file()} == {0o600}


async def test_what_an_archive_can_not_say_is_built(twins: Twins, app: Path, base: str) -> None:
    wanted = lay(app, "COPY . /app/\n", base)
    images = {(await twins.prepare(wanted)).image}

    def less() -> None:
        (app / "conf/shop.toml").unlink()

    def other_kind() -> None:
        (app / "serve").unlink()
        (app / "serve").mkdir()

    def special() -> None:
        (app / "app.py").chmod(0o4755)

    def folder() -> None:
        (app / "shop").chmod(0o700)

    def large() -> None:
        write(app, {"large": "x" * (MOST_BYTES + 1)})

    def dockerfile() -> None:
        write(app, {"Dockerfile": (app / "Dockerfile").read_text() + "LABEL a=b\n"})

    for count, change in enumerate((less, other_kind, special, folder, large, dockerfile), 2):
        change()
        built = await twins.prepare(wanted)
        images.add(built.image)
        assert built.overlay is None, change
        assert len(images) == count, change
        write(app, {"app.py": f"print({count})\n"})
        if change is not special:
            assert (await twins.prepare(wanted)).overlay is not None, change
        (app / "app.py").chmod(0o644)


@pytest.mark.parametrize(
    "text",
    [
        "COPY app.py /\nCOPY . /app/\nADD conf /etc/\n",
        "COPY app.py /linked\n",
        "VOLUME /app\nCOPY . /other/\nCOPY . /app/\n",
        "COPY . /etc/\nCOPY app.py /etc/passwd\n",
    ],
)
async def test_what_is_not_certain_is_built(twins: Twins, app: Path, base: str, text: str) -> None:
    wanted = lay(app, text, base)
    first = await twins.prepare(wanted)
    write(app, {"app.py": "print(2)\n", "conf/shop.toml": "2"})
    second = await twins.prepare(wanted)
    assert second.image != first.image


async def test_instructions_that_the_base_has_for_others(twins: Twins, app: Path, base: str) -> None:
    api = twins.kitchen.real.api
    name = f"{PROJECT}-onbuild:1"
    api.import_image_from_data(packed_base(), *name.split(":"), changes=["ONBUILD COPY app.py /made"])
    try:
        wanted = lay(app, "COPY . /app/\n", name)
        first = await twins.prepare(wanted)
        write(app, {"app.py": "print(2)\n"})
        assert (await twins.prepare(wanted)).image != first.image
    finally:
        api.remove_image(name, force=True)


async def test_mounts(twins: Twins, app: Path, base: str) -> None:
    wanted = lay(app, "COPY . /app/\n", base)
    first = await twins.prepare(wanted)
    write(app, {"app.py": "print(2)\n", "shop/loaf.py": "2"})

    async def with_mount(kind: MountKind, target: str) -> Built:
        mount = Mount(kind=kind, source=str(app), target=target)
        return await twins.prepare(replace(wanted, version=replace(wanted.version, mounts=(mount,))))

    hidden = await with_mount(MountKind.BIND, "/app/shop")
    assert hidden.overlay is not None
    with tarfile.open(hidden.overlay) as tar:
        assert tar.getnames() == ["app/app.py"]
    assert (await with_mount(MountKind.BIND, "/app")).overlay is None
    assert (await with_mount(MountKind.BIND, "/app")).image == first.image
    assert (await with_mount(MountKind.VOLUME, "/app")).image != first.image  # it is filled from the image


async def test_what_is_read_only_takes_no_archive(twins: Twins, app: Path, base: str) -> None:
    wanted = lay(app, "COPY . /app/\n", base)
    wanted = replace(wanted, version=replace(wanted.version, read_only=True))
    first = await twins.prepare(wanted)
    write(app, {"app.py": "print(2)\n"})
    second = await twins.prepare(wanted)
    assert second.overlay is None
    assert second.image != first.image


async def test_what_changes_while_it_is_built_is_no_base(
    twins: Twins, app: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = lay(app, "COPY . /app/\n", base)
    have_built = Builder._have_built

    async def and_save(self: Builder, *arguments: object) -> str:
        image = await have_built(self, *arguments)  # type: ignore[arg-type]
        write(app, {"app.py": "print('in between')\n"})
        return image

    monkeypatch.setattr(Builder, "_have_built", and_save)
    await twins.prepare(wanted)
    assert list(twins.folder.rglob("base.json")) == []


async def test_old_archives_go_and_the_image_below_stays(
    twins: Twins, app: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.runtime.docker.builds.overlay._YOUNG", -1.0)
    wanted = lay(app, "COPY . /app/\n", base)
    first = await twins.prepare(wanted)
    for number in range(4):
        write(app, {"app.py": f"# {number}\n"})
        newest = await twins.prepare(wanted)
    kept = list(twins.folder.rglob("*.tar"))
    assert len(kept) == 2
    assert newest.overlay in kept

    for number in range(3):  # other images of the same version, which are newer
        write(app, {"app.py": f"# built {number}\n"})
        await twins.rebuilt(wanted)
    await twins.remembers.prune(())
    assert twins.kitchen.real.api.inspect_image(first.image)["Id"] == first.image


async def test_an_image_that_is_gone_is_built_again(twins: Twins, app: Path, base: str) -> None:
    wanted = lay(app, "COPY . /app/\n", base)
    first = await twins.prepare(wanted)
    twins.kitchen.real.api.remove_image(first.image, force=True)
    write(app, {"app.py": "print(2)\n"})
    second = await twins.prepare(wanted)
    assert second.overlay is None
    assert second.image != first.image


async def test_a_damaged_record_is_as_good_as_none(
    twins: Twins, app: Path, base: str, host: dict[str, str], kitchen: Kitchen
) -> None:
    wanted = lay(app, "COPY . /app/\n", base)
    await twins.prepare(wanted)
    (record,) = twins.folder.rglob("base.json")
    record.write_text('{"key": 1}')
    write(app, {"app.py": "print(2)\n"})
    built = await Builder(kitchen.engine, PROJECT, {}, host, twins.folder).prepare(wanted, kitchen.said.append)
    assert built.overlay is None
