"""A folder to write configuration into, and what loading it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sandbox.config.loader import load
from sandbox.errors import ConfigError
from sandbox.model import Project


class Folder:
    """An app's folder in which `./a`, `./b` and `./c` hold code."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in "abc":
            (root / name).mkdir()

    def write(self, text: str | bytes, name: str = "sandbox.yaml") -> Path:
        file = self.root / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def load(
        self,
        *texts: str | bytes,
        environment: Mapping[str, str] | None = None,
        profiles: Sequence[str] = (),
        project: str | None = None,
    ) -> Project:
        """The project of one or more files, given in the order of their -f."""
        names = ["sandbox.yaml", *(f"over{index}.yaml" for index in range(1, len(texts)))]
        files = [self.write(text, name) for text, name in zip(texts, names, strict=True)]
        return load(files, profiles=profiles, environment=environment or {}, project=project)

    def problems(self, *texts: str | bytes, environment: Mapping[str, str] | None = None) -> list[str]:
        """`line:column message | hint` of all that is wrong."""
        with pytest.raises(ConfigError) as caught:
            self.load(*texts, environment=environment)
        for problem in caught.value.problems:
            assert all(text.isprintable() for text in (problem.message, problem.hint, str(problem.location)))
        return [f"{p.location.line}:{p.location.column} {p.message} | {p.hint}" for p in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    root = tmp_path / "app"
    root.mkdir()
    monkeypatch.chdir(root)
    return Folder(root)
