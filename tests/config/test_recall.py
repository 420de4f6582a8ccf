"""A project is recalled as long as nothing of what it was read from has changed, and never else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.config import recall, stamps
from sandbox.config.recall import KEPT, recall_or_load
from sandbox.errors import ConfigError
from sandbox.model import Project

FILE = """
name: shop
services:
  web:
    build: ./web
    ports: ['${PORT_OF_WEB:-8000}']
    env_file: [{path: web/app.env}, {path: local.env, required: false}]
    environment: {COLOUR: '${COLOUR:-none}'}
"""


class Shop:
    """A folder with a project, and what was understood anew."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / "cache"
        self.environment = {"HOME": str(root)}
        (root / "web").mkdir()
        (root / "web" / "app.env").write_text("SIZE=large\n")
        (root / "sandbox.yaml").write_text(FILE)

    def read(self, *, profiles: tuple[str, ...] = (), name: str | None = None, file: str = "sandbox.yaml") -> Project:
        given = {"profiles": profiles, "project": name}
        return recall_or_load(self.cache, [self.root / file], environment=self.environment, **given).project  # type: ignore[arg-type]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """All of whose files were saved long ago."""
    monkeypatch.setattr(stamps, "_COARSEST_CLOCK", -3600.0)
    return Shop(tmp_path)


@pytest.fixture
def never_again(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, nothing can be understood."""

    def refuse(*words: object, **more: object) -> None:
        raise AssertionError("it was read anew")

    return lambda: monkeypatch.setattr("sandbox.config.loader.load", refuse)


def test_what_is_as_it_was_is_not_read_again(shop: Shop, never_again: Callable[[], None]) -> None:
    first = shop.read()
    never_again()

    assert shop.read() == first


def test_what_the_shell_changes_with_each_command_is_no_change(shop: Shop, never_again: Callable[[], None]) -> None:
    shop.environment["_"] = "/usr/bin/ls"
    first = shop.read()
    never_again()
    shop.environment["_"] = "/usr/bin/cat"

    assert shop.read() == first


def file_saved(shop: Shop) -> None:
    (shop.root / "sandbox.yaml").write_text(FILE.replace("8000", "9000"))


def file_replaced_by_one_as_old(shop: Shop) -> None:
    file, new = shop.root / "sandbox.yaml", shop.root / "new.yaml"
    new.write_text(FILE.replace("8000", "9000"))
    os.utime(new, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    new.replace(file)


def variable_set(shop: Shop) -> None:
    shop.environment["PORT_OF_WEB"] = "9000"


def dotenv_made(shop: Shop) -> None:
    (shop.root / ".env").write_text("PORT_OF_WEB=9000\n")


def env_file_saved(shop: Shop) -> None:
    (shop.root / "web" / "app.env").write_text("SIZE=small\n")


def env_file_that_was_not_there(shop: Shop) -> None:
    (shop.root / "local.env").write_text("SIZE=tiny\n")


@pytest.mark.parametrize(
    "change",
    [
        file_saved,
        file_replaced_by_one_as_old,
        variable_set,
        dotenv_made,
        env_file_saved,
        env_file_that_was_not_there,
    ],
)
def test_what_has_changed_is_read_again(shop: Shop, change: Callable[[Shop], None]) -> None:
    first = shop.read()
    change(shop)

    assert shop.read() != first
    assert (
        shop.read()
        == recall_or_load(shop.root / "other", [shop.root / "sandbox.yaml"], environment=shop.environment).project
    )


def test_another_question_is_another_project(shop: Shop) -> None:
    first = shop.read()

    assert shop.read(name="market").name == "market"
    assert shop.read(profiles=("lite",)) != first
    assert shop.read() == first


def test_a_link_that_leads_elsewhere_is_another_file(shop: Shop) -> None:
    (shop.root / "other.yaml").write_text(FILE.replace("shop", "market"))
    link = shop.root / "link.yaml"
    link.symlink_to("sandbox.yaml")
    first = shop.read(file="link.yaml")
    link.unlink()
    link.symlink_to("other.yaml")

    assert (first.name, shop.read(file="link.yaml").name) == ("shop", "market")


def test_what_is_wrong_is_said_every_time(shop: Shop) -> None:
    (shop.root / "sandbox.yaml").write_text("services: 7\n")

    for _ in range(2):
        with pytest.raises(ConfigError):
            shop.read()


def test_what_was_saved_a_moment_ago_is_not_relied_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "_COARSEST_CLOCK", 3600.0)
    shop.read()

    assert not shop.cache.exists()


def test_what_is_damaged_is_read_anew(shop: Shop) -> None:
    first = shop.read()
    (kept,) = shop.cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:-20])

    assert shop.read() == first


def test_a_newer_version_of_ours_reads_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.read()
    monkeypatch.setattr(recall, "_ourselves", lambda: [("project.py", 1)])
    shop.read()

    assert len(list(shop.cache.iterdir())) == 2


def test_few_are_kept_and_only_for_the_user(shop: Shop) -> None:
    for number in range(KEPT + 3):
        shop.read(name=f"shop{number}")

    kept = list(shop.cache.iterdir())
    assert len(kept) == KEPT
    assert all(path.stat().st_mode & 0o077 == 0 for path in (shop.cache, *kept))


def test_a_disk_that_takes_nothing_keeps_nothing_from_being_read(shop: Shop) -> None:
    shop.cache.write_text("in the way")

    assert shop.read().name == "shop"
