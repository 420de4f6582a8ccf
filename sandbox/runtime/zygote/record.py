"""What to import for a service ahead of its start: a text file that the zygote reads too.

One module a line. A line that begins with `-` names one that is left out, and behind a tab says why; `-*` means that
this service is not started warm at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.files import write_atomic

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Record:
    modules: frozenset[str] = frozenset()
    left_out: Mapping[str, str] = field(default_factory=dict)  # why, by module

    @property
    def hopeless(self) -> str | None:
        """Why this service can't be started warm."""
        return self.left_out.get(EVERYTHING)

    def seen(self, modules: frozenset[str]) -> Record:
        return replace(self, modules=self.modules | modules)

    def without(self, module: str, why: str) -> Record:
        return replace(self, left_out={**self.left_out, module: why})

    def dump(self) -> str:
        kept = sorted(self.modules)
        left_out = [f"-{name}\t{why}" for name, why in sorted(self.left_out.items())]
        return "".join(f"{line}\n" for line in (*kept, *left_out))


def parse(text: str) -> Record:
    lines = text.splitlines()
    left_out = dict(_pair(line[1:]) for line in lines if line.startswith("-"))
    return Record(frozenset(line for line in lines if line and not line.startswith("-")), left_out)


def load(path: Path) -> Record:
    """An empty one when there is none or it can't be read."""
    try:
        return parse(path.read_text("utf-8", "replace"))
    except OSError:
        return Record()


def save(path: Path, record: Record) -> None:
    write_atomic(path, record.dump().encode())


def _pair(line: str) -> tuple[str, str]:
    name, _, why = line.partition("\t")
    return name, why
