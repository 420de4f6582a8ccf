"""How a Dockerfile ends: which of its last instructions bring files of the context into the image, and to where. Pure.

Only what is certain is told; for everything else the answer is None, and the image is built. Rules of COPY:
docs.docker.com/reference/dockerfile/#copy, and the classic builder's own, github.com/moby/moby, builder/dockerfile.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.runtime.docker.builds.syntax import Instruction, descent, instructions, stages

_METADATA = frozenset(
    {"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "USER", "WORKDIR", "HEALTHCHECK", "STOPSIGNAL", "VOLUME", "SHELL"}
    | {"ARG", "MAINTAINER"}
)
_UNPLAIN = re.compile(r"[$\\\"'`]|<<")
"""Variables, quotes, escapes and here-documents."""

_FLAG = re.compile(r"--([a-z-]+)(?:=(\S*))?\s+")
_WILD = re.compile(r"[*?\[]")
ANYTHING = ""
"""As a source: the whole context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One source of one COPY among the last instructions."""

    source: str | None  # in the context; None: files from elsewhere, or files that can't be told for certain
    target: str  # an absolute path
    inside: bool | None  # a file goes into the target, under its own name; None: if that is a folder
    owner: str = "0:0"  # as --chown says it


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    steps: tuple[Step, ...]
    elsewhere: tuple[str, ...]  # sources, with wildcards, of instructions whose effect can't be repeated


@dataclass(frozen=True, slots=True)
class _Copying:
    """A COPY or an ADD."""

    flags: Mapping[str, str]
    sources: tuple[str, ...]
    target: str


def ending(text: str, given: Mapping[str, str], target: str | None, workdir: str) -> Ending | None:
    """`given` are build arguments, `workdir` is the image's own."""
    found = stages(text, given)
    if not found:
        return None
    line = {stage.index for stage in descent(found, target)}
    main: list[Instruction] = []
    others: list[Instruction] = []
    for index, instruction in _by_stage(text):
        if not _is_understood(instruction):
            return None
        (main if index in line else others).append(instruction)
    last = _first_of_last(main)
    elsewhere = _sources([*others, *main[:last]])
    if elsewhere is None:
        return None
    return _of_last(main, last, workdir or "/", elsewhere)


def base(text: str, given: Mapping[str, str], target: str | None) -> str | None:
    """The image that the last stage starts from in the end; None: from nothing."""
    line = descent(stages(text, given), target)
    return line[0].base if line and line[0].base not in ("", "scratch") else None


def _by_stage(text: str) -> Iterator[tuple[int, Instruction]]:
    index = -1
    for instruction in instructions(text):
        if _word(instruction) == "FROM":
            index += 1
        elif index >= 0:
            yield index, instruction


def _word(instruction: Instruction) -> str:
    return instruction.text.split(None, 1)[0].upper() if instruction.text else ""


def _is_understood(instruction: Instruction) -> bool:
    word, text = _word(instruction), instruction.text
    if word == "ONBUILD" or (word == "RUN" and re.match(r"RUN\s+(--\S+\s+)*--mount", text, re.IGNORECASE)):
        return False
    return not (word in ("RUN", "COPY", "ADD") and "<<" in text)


def _first_of_last(main: Sequence[Instruction]) -> int:
    """The index after the last instruction that changes files in another way than by a COPY."""
    for index in range(len(main), 0, -1):
        if _word(main[index - 1]) not in (*_METADATA, "COPY"):
            return index
    return 0


def _sources(earlier: Sequence[Instruction]) -> tuple[str, ...] | None:
    """Of the context, that instructions take; None when that can't be told."""
    found: list[str] = []
    for instruction in earlier:
        if _word(instruction) in ("COPY", "ADD"):
            copying = _copying(instruction.text)
            if copying is None or copying.flags.keys() - {"from", "chown"}:
                return None
            if "from" not in copying.flags:
                found += map(cleaned, copying.sources)
    return tuple(dict.fromkeys(found))


def _of_last(main: Sequence[Instruction], last: int, workdir: str, elsewhere: Sequence[str]) -> Ending | None:
    steps: list[Step] = []
    uncertain: list[str] = []
    folders = _folders(main, workdir)
    for index in range(last, len(main)):
        if _word(main[index]) != "COPY":
            continue
        copying = _copying(main[index].text)
        if copying is None or copying.flags.keys() - {"from", "chown"}:
            return None
        here, made = folders[index]
        told = _steps(copying, here, made)
        if told is None:
            return None
        steps += told
        if "from" not in copying.flags:
            uncertain += [cleaned(source) for source in copying.sources if _WILD.search(source)]
    return Ending(steps=tuple(steps), elsewhere=tuple(dict.fromkeys((*elsewhere, *uncertain))))


def _steps(copying: _Copying, here: str | None, made: bool) -> list[Step] | None:
    """`here`: the folder that it works in, as far as that is known; `made`: which is there for certain."""
    place = copying.target
    if _UNPLAIN.search(place) or _UNPLAIN.search(copying.flags.get("chown", "")):
        return None
    if not place.startswith("/"):
        if here is None:
            return None
        place = f"{here}/{place}"
    clean = posixpath.normpath(f"/{place.lstrip('/')}")
    inside = True if place.endswith("/") or clean == "/" or (made and clean == here) else None
    owner = copying.flags.get("chown", "0:0")
    if "from" in copying.flags:
        return [Step(source=None, target=clean, inside=inside)]
    return [
        Step(source=None if _WILD.search(source) else cleaned(source), target=clean, inside=inside, owner=owner)
        for source in copying.sources
    ]


def _folders(main: Sequence[Instruction], workdir: str) -> list[tuple[str | None, bool]]:
    """For each instruction the folder that it works in, and whether a WORKDIR has made that. The image's own is the
    one of the last WORKDIR, whatever variables are in it."""
    changes = [index for index, instruction in enumerate(main) if _word(instruction) == "WORKDIR"]
    found: list[tuple[str | None, bool]] = []
    here: str | None = None
    for index, instruction in enumerate(main):
        if index in changes:
            here = _into(here, instruction.text.split(None, 1)[1:])
        is_last = not changes or index >= changes[-1]
        found.append((posixpath.normpath(workdir), bool(changes)) if is_last else (here, here is not None))
    return found


def _into(here: str | None, words: Sequence[str]) -> str | None:
    path = words[0].strip() if words else ""
    if not path or _UNPLAIN.search(path):
        return None
    if path.startswith("/"):
        return posixpath.normpath(f"/{path.lstrip('/')}")
    return posixpath.normpath(f"{here}/{path}") if here is not None else None


def _copying(text: str) -> _Copying | None:
    rest = f"{text} ".split(None, 1)[1] if len(text.split(None, 1)) > 1 else ""
    flags: dict[str, str] = {}
    while match := _FLAG.match(rest):
        flags[match[1]] = match[2] or ""
        rest = rest[match.end() :]
    words = _words(rest.strip())
    if words is None or len(words) < 2:
        return None
    if "from" not in flags and any(_UNPLAIN.search(word) for word in words[:-1]):
        return None
    return _Copying(flags, tuple(words[:-1]), words[-1])


def _words(rest: str) -> list[str] | None:
    if not rest.startswith("["):
        return rest.split()
    try:
        found = json.loads(rest)
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(word, str) for word in found) else None


def cleaned(source: str) -> str:
    """Relative to the context, without what says nothing; ANYTHING for all of it."""
    clean = posixpath.normpath(f"/{source}".replace("//", "/")).lstrip("/")
    return ANYTHING if clean == "." else clean
