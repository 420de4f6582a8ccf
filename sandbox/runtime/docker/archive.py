"""Files into and out of a container, whether it runs or not, as the engine's archives do it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from docker import APIClient


@dataclass(frozen=True, slots=True)
class File:
    data: bytes
    mode: int = 0o644


def pack(files: Mapping[str, File], more: bytes = b"") -> bytes:
    """A tar archive of files by their paths below the root, owned by root, and of the folders they are in. `more`:
    an archive whose files follow: each call takes an engine a while."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folders = dict.fromkeys(str(folder) for path in files for folder in reversed(PurePosixPath(path).parents))
        for folder in folders:
            if folder != ".":
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
        for path, file in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(file.data), file.mode
            archive.addfile(entry, io.BytesIO(file.data))
        end = archive.offset
    return packed.getvalue()[:end] + more if more else packed.getvalue()


def read(api: APIClient, container: str, path: str, most: int) -> bytes:
    """The first bytes of one file; nothing of what is no file. Raises what the library does, such as where there is
    nothing."""
    chunks, _ = api.get_archive(container, path)
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > most + 10 * tarfile.BLOCKSIZE:
            break
    with tarfile.open(fileobj=io.BytesIO(bytes(data)), mode="r|") as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isreg() else None
            return file.read(most) if file is not None else b""
    return b""
