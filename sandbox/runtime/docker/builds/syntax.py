"""Reading a Dockerfile as far as it matters here: its stages, what they start from, and where lines can be added. Pure.

Rules of the format: docs.docker.com/reference/dockerfile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_ESCAPE = re.compile(r"^#[ \t]*escape[ \t]*=[ \t]*(\S)", re.IGNORECASE)
_DIRECTIVE = re.compile(r"^#[ \t]*\w+[ \t]*=")
_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(.+)$", re.IGNORECASE)
_COPY = re.compile(r"COPY\s+(?:--\S+\s+)*?--from=(\S+)\s+(.+)$", re.IGNORECASE)
_REFERENCE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    index: int
    name: str | None  # lower case
    base: str  # an image, or the name of an earlier stage; variables are put in
    end: int  # the number of the line after its FROM, from 0
    arguments: frozenset[str]  # names it declares by ARG
    sources: frozenset[str]  # stages and images that it copies everything from


@dataclass(frozen=True, slots=True)
class Instruction:
    text: str  # continued lines joined, comments left out
    end: int  # the number of the line after it, from 0


def instructions(text: str) -> Iterator[Instruction]:
    lines, escape = text.splitlines(), _escape(text)
    joined: list[str] = []
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if bare.startswith("#") or (not bare and joined):
            continue
        if bare.endswith(escape):
            joined.append(bare[:-1])
            continue
        if bare or joined:
            yield Instruction(" ".join((*joined, bare)).strip(), number)
        joined = []
    if joined:
        yield Instruction(" ".join(joined).strip(), len(lines))


def stages(text: str, given: Mapping[str, str]) -> tuple[Stage, ...]:
    """`given` are build arguments, which replace the defaults that FROM lines refer to."""
    defaults: dict[str, str] = {}
    starts: list[tuple[Instruction, str, str | None]] = []
    declared: list[set[str]] = []
    copied: list[set[str]] = []
    for instruction in instructions(text):
        if match := _FROM.match(instruction.text):
            known = {**defaults, **{name: value for name, value in given.items() if name in defaults}}
            starts.append((instruction, _substituted(match[1], known), match[2]))
            declared.append(set())
            copied.append(set())
        elif match := _ARG.match(instruction.text):
            found = dict(_arguments(match[1]))
            declared[-1].update(found) if declared else defaults.update(found)
        elif copied and (match := _COPY.match(instruction.text)) and _everything(match[2]):
            copied[-1].add(match[1].lower())
    return tuple(
        Stage(
            index=index,
            name=name and name.lower(),
            base=base,
            end=start.end,
            arguments=frozenset(declared[index]),
            sources=frozenset(copied[index]),
        )
        for index, (start, base, name) in enumerate(starts)
    )


def final_line(found: Sequence[Stage], target: str | None) -> frozenset[int]:
    """The stages that the image consists of: the last one, or the target, the ones it starts from, and the ones that
    it copies as a whole."""
    if not found:
        return frozenset()
    by_name = _by_name(found)
    line: set[int] = set()
    waiting = [_targeted(found, by_name, target)]
    while waiting:
        stage = found[waiting.pop()]
        if stage.index not in line:
            line.add(stage.index)
            waiting += [by_name[name] for name in (stage.base.lower(), *stage.sources) if name in by_name]
    return frozenset(line)


def descent(found: Sequence[Stage], target: str | None) -> tuple[Stage, ...]:
    """The stages that the image's own layers come from, in order: the last one, or the target, after those that it
    starts from."""
    line: list[Stage] = []
    by_name = _by_name(found)
    index: int | None = _targeted(found, by_name, target) if found else None
    while index is not None:
        line.insert(0, found[index])
        earlier = {stage.name: stage.index for stage in found[:index] if stage.name}
        index = earlier.get(found[index].base.lower())
    return tuple(line)


def images(found: Sequence[Stage]) -> tuple[str, ...]:
    """What its stages start from, outside of itself."""
    names = {stage.name for stage in found}
    return tuple(sorted({stage.base for stage in found if stage.base.lower() not in names} - {"", "scratch"}))


def with_lines(text: str, found: Sequence[Stage], more: Callable[[Stage], Sequence[str]]) -> str:
    """Lines added right after the FROM of each stage."""
    if not found:
        return text
    lines = text.splitlines()
    for stage in reversed(found):
        lines[stage.end : stage.end] = more(stage)
    return "\n".join(lines) + "\n"


def _by_name(found: Sequence[Stage]) -> dict[str, int]:
    """Also by number, as `COPY --from` and a target may have it."""
    return {str(stage.index): stage.index for stage in found} | {
        stage.name: stage.index for stage in found if stage.name
    }


def _targeted(found: Sequence[Stage], by_name: Mapping[str, int], target: str | None) -> int:
    return by_name.get(target.lower(), len(found) - 1) if target is not None else len(found) - 1


def _everything(words: str) -> bool:
    """Among the sources of a COPY, which its destination follows, is the root, or what may be any folder in it."""
    sources = re.findall(r"[^\s\[\]\",]+", words)[:-1]
    return any(re.fullmatch(r"[/.]*|/?[*?].*|/?(\./)*run/?", source) for source in sources)


def _escape(text: str) -> str:
    """Parser directives are comments at the very beginning."""
    for line in text.splitlines():
        if match := _ESCAPE.match(line):
            return match[1]
        if not _DIRECTIVE.match(line):
            break
    return "\\"


def _arguments(words: str) -> Iterator[tuple[str, str]]:
    for word in words.split():
        name, _, value = word.partition("=")
        yield name, value.strip("\"'")


def _substituted(word: str, known: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: known.get(match[1] or match[3], "") or match[2] or "", word)
