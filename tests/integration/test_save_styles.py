"""Each way of saving a file is exactly one reload, in processes and in containers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sandbox.api.client import Client
from sandbox.events import Kind
from tests.integration.harness import get
from tests.integration.load import code
from tests.integration.saved import Saved
from tests.reload.styles import STYLES, Save, delete_and_create, rename_over, touch


async def mode_first(file: Path, text: str) -> None:
    """What changes no more than a mode is no save."""
    file.chmod(0o755)
    await asyncio.sleep(0.3)
    file.write_text(text)


async def folder_moved(file: Path, text: str) -> None:
    """The text stays; in a container, the folder's files must go from where they were."""
    (file.parent / "lib").rename(file.parent / "library")


async def link_swapped(file: Path, text: str) -> None:
    """To the copy of the first text."""
    fresh = file.with_name("fresh")
    fresh.symlink_to("library/first.py")
    fresh.replace(file)


EVERY_STYLE: tuple[Save, ...] = (*STYLES, mode_first, folder_moved, link_swapped)
OTHER_IN_CONTAINERS: tuple[Save, ...] = (rename_over, delete_and_create, touch, mode_first, folder_moved, link_swapped)
"""Files are watched where they lie; these styles bring something else than another text into a container."""


async def test_each_style_is_one_reload(saved: Saved) -> None:
    styles = EVERY_STYLE if saved.sandbox.env()["SANDBOX_RUNTIME"] == "process" else OTHER_IN_CONTAINERS
    first = saved.app.parent / "lib" / "first.py"
    first.parent.mkdir()
    first.write_text(code(0))
    gateway, expected, seen = saved.up(), 0, dict[str, int]()
    for number, save in enumerate(styles, 1):
        if save not in (touch, folder_moved):  # which leave the text as it is
            expected = 0 if save is link_swapped else number
        before = await reloads(saved)
        await save(saved.app, code(number))
        await until_reloaded(saved, before + 1)
        assert await asyncio.to_thread(get, gateway) == expected, save.__name__
        seen[save.__name__] = await reloads(saved) - before
    assert seen == {save.__name__: 1 for save in styles}


async def reloads(saved: Saved) -> int:
    (project,) = (saved.sandbox.state / "projects").iterdir()
    async with Client(project / "run" / "api.sock") as client:
        return len([event async for event in client.events() if event.kind is Kind.SERVICE_RELOADED])


async def until_reloaded(saved: Saved, times: int) -> None:
    async with asyncio.timeout(30):
        while await reloads(saved) < times:
            await asyncio.sleep(0.05)
