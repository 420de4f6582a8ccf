"""What of a folder goes to the engine. No engine."""

from __future__ import annotations

import os
import socket
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.builds.context import DOCKERFILE, archive, ignored, only, scan
from tests.runtime.docker.builds.kitchen import write


def members(root: Path, patterns: tuple[str, ...] = ()) -> dict[str, tarfile.TarInfo]:
    with archive(scan(root, patterns), "FROM x\n") as file, tarfile.open(fileobj=file) as tar:
        return {member.name: member for member in tar}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda root: (root / "a").write_text("other"), True),
        (lambda root: (root / "a").rename(root / "z"), True),
        (lambda root: (root / "a").chmod(0o755), True),
        (lambda root: (root / "empty").rmdir(), True),
        (lambda root: ((root / "link").unlink(), (root / "link").symlink_to("elsewhere")), True),
        (lambda root: ((root / "a").unlink(), (root / "a").symlink_to("b")), True),
        (lambda root: (root / "ignored").write_text("x"), False),
        (lambda root: os.utime(root / "a", (1, 1)), False),
        (lambda root: (root / "a").write_text("a"), False),
        (lambda root: (root / "a").chmod(0o600), False),
    ],
)
def test_the_digest_changes_with_what_an_image_would_show(
    tmp_path: Path, change: Callable[[Path], object], differs: bool
) -> None:
    write(tmp_path, {"a": "a", "b": "b"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("a")
    before = scan(tmp_path, ["ignored"])
    change(tmp_path)
    assert (scan(tmp_path, ["ignored"]).digest != before.digest) == differs


def test_the_archive_names_the_dockerfile_so_that_the_engine_takes_it_out_again(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "FROM other\n", ".dockerignore": "x\n", "x": ""})
    with archive(scan(tmp_path, ["x"]), "FROM ours\n") as file, tarfile.open(fileobj=file) as tar:
        texts = {one.name: found.read().decode() for one in tar if (found := tar.extractfile(one)) is not None}
    assert texts == {
        "Dockerfile": "FROM other\n",
        ".dockerignore": f"{DOCKERFILE}\n.dockerignore\n",
        DOCKERFILE: "FROM ours\n",
    }


def test_owners_and_hard_links_of_the_host_stay_there(tmp_path: Path) -> None:
    write(tmp_path, {"a": "rye", "deep/x": ""})
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    found = members(tmp_path, ("deep",))
    assert set(found) == {"a", "b", ".dockerignore", DOCKERFILE}
    assert {(one.uid, one.gid, one.uname, one.isreg()) for one in found.values()} == {(0, 0, "", True)}
    assert found["b"].size == 3


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with tempfile.TemporaryDirectory(dir="/tmp") as short, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short}/s")
        assert {entry.name for entry in scan(Path(short), ()).entries} == set()
    assert {entry.name for entry in scan(tmp_path, ()).entries} == set()


def test_names_of_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / name).write_text("x")
    assert name in members(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"secret": ""})
    (tmp_path / "secret").chmod(0)
    with pytest.raises(RuntimeFailure, match="can't be read: Permission denied") as failure:
        scan(tmp_path, ())
    assert failure.value.place == str(tmp_path / "secret")


def test_a_file_that_goes_meanwhile_is_named(tmp_path: Path) -> None:
    context = scan(write(tmp_path, {"a": ""}), ())
    (tmp_path / "a").unlink()
    with pytest.raises(RuntimeFailure, match="could not be packed: No such file") as failure:
        archive(context, "")
    assert failure.value.place == str(tmp_path / "a")


def test_a_file_that_shrinks_meanwhile_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = scan(write(tmp_path, {"a": "long"}), ())
    describe = tarfile.TarFile.gettarinfo

    def then_shrink(self: tarfile.TarFile, *arguments: object) -> tarfile.TarInfo:
        found: tarfile.TarInfo = describe(self, *arguments)  # type: ignore[arg-type]
        (tmp_path / "a").write_text("")
        return found

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", then_shrink)
    with pytest.raises(RuntimeFailure, match="could not be packed: unexpected end of data"):
        archive(context, "")


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = scan(write(tmp_path, {"a": "x" * 100_000}), ())
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda prefix: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115, PTH123
    with pytest.raises(RuntimeFailure, match="could not be packed: No space left on device"):
        archive(context, "")


def test_manifests_must_lie_in_the_folder(tmp_path: Path) -> None:
    write(tmp_path, {"app/requirements.txt": "", "shared.txt": ""})
    with pytest.raises(RuntimeFailure, match=r"\.\./shared\.txt lies outside") as failure:
        only(tmp_path / "app", ["requirements.txt", "../shared.txt"])
    assert "context: .." in failure.value.hint


def test_what_is_left_out_of_folders_with_a_dockerfile_is_the_users_word_alone(tmp_path: Path) -> None:
    assert ignored(tmp_path, "Dockerfile") == ()
    write(tmp_path, {".dockerignore": "\ufeff# remark\n  a  \n\n!b\n"})
    assert ignored(tmp_path, "Dockerfile") == ("a", "!b")
    assert ignored(tmp_path, None)[-2:] == ("a", "!b")
    assert "**/node_modules" in ignored(tmp_path, None)
    assert "target" not in ignored(tmp_path, None)
    write(tmp_path, {"pom.xml": ""})
    assert "target" in ignored(tmp_path, None)
