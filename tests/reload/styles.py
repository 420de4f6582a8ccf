"""The ways in which editors, tools and people save a file."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

Save = Callable[[Path, str], Awaitable[None]]
"""From a file that is there and the text that it is to have."""


async def in_place(file: Path, text: str) -> None:
    file.write_text(text)


async def in_place_and_to_the_disk(file: Path, text: str) -> None:
    with file.open("w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


async def rename_over(file: Path, text: str) -> None:
    other = file.with_name("new-app.py")
    other.write_text(text)
    other.replace(file)


async def temporary_elsewhere_and_rename(file: Path, text: str) -> None:
    other = file.parent.parent / "download"
    other.write_text(text)
    other.replace(file)


async def temporary_beside_with_a_pause(file: Path, text: str) -> None:
    other = file.with_name(".goutputstream-X1Y2")
    other.write_text("print(")
    await asyncio.sleep(0.05)
    other.write_text(text)
    other.replace(file)


async def delete_and_create(file: Path, text: str) -> None:
    file.unlink()
    await asyncio.sleep(0.05)
    file.write_text(text)


async def backup_then_write(file: Path, text: str) -> None:
    """As vim does with backupcopy=no: move away, write anew, remove the backup."""
    probe = file.with_name("4913")
    probe.touch()
    probe.unlink()
    backup = file.with_name("app.py~")
    file.rename(backup)
    await asyncio.sleep(0.02)
    file.write_text(text)
    backup.unlink()


async def backup_copy_then_write(file: Path, text: str) -> None:
    shutil.copy(file, file.with_name("app.py.bak"))
    file.write_text(text)


async def truncate_then_write_slowly(file: Path, text: str) -> None:
    with file.open("w") as out:
        size = -(-len(text) // 10)
        for start in range(0, len(text), size):
            out.write(text[start : start + size])
            out.flush()
            await asyncio.sleep(0.04)


async def empty_then_write(file: Path, text: str) -> None:
    file.write_text("")
    await asyncio.sleep(0.12)
    file.write_text(text)


async def twice_at_once(file: Path, text: str) -> None:
    file.write_text(f"{text}# too much\n")
    file.write_text(text)


async def touch(file: Path, text: str) -> None:
    """The text stays."""
    file.touch()


STYLES: tuple[Save, ...] = (
    *(in_place, in_place_and_to_the_disk, rename_over, temporary_elsewhere_and_rename),
    *(temporary_beside_with_a_pause, delete_and_create, backup_then_write, backup_copy_then_write),
    *(truncate_then_write_slowly, empty_then_write, twice_at_once, touch),
)
