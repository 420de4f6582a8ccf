"""Folders of pages, which Python's own server serves."""

from __future__ import annotations

from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder

LOOKED_FOR = ("index.html",)


def detect_static(folder: Folder) -> Detected | None:
    for name, root in (("index.html", "."), ("public/index.html", "public")):
        if name in folder.names:
            return Detected((*_SERVER, "--directory", root), name, "static")
    return None


_SERVER = ("python", "-m", "http.server", "$PORT", "--bind", "$HOST", "--protocol", "HTTP/1.1")
