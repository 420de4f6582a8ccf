"""What a folder's services look like from outside: which sub-folders are services, their ports and whom they call.

Guesses for `sandbox init`, from a bounded look at the source; the person corrects them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.config.names import near_label
from sandbox.model import GATEWAY

MAX_SERVICES = 50
_MAX_FILES = 40
_MAX_TEXT = 64 * 1024

RUNS = frozenset(
    {"app.py", "main.py", "server.py", "__main__.py", "manage.py", "Procfile", "package.json"}
    | {"index.js", "server.js", "app.js", "main.js", "index.mjs", "server.mjs", "app.mjs"}
    | {"go.mod", "main.go", "pom.xml", "index.html"}
)
"""Files by which both runtimes can tell how to start a folder."""

_PROGRAMS = (".java", ".jar")
"""Endings of files that also tell it."""

_OF_MANY = frozenset({"package.json", "go.mod", "pom.xml", "index.html"})
"""Files that a folder may also have because of the services below it."""

_CODE = frozenset({"requirements.txt", "pyproject.toml", "Dockerfile"})
_HOLDERS = ("services", "apps", "packages", "src", "backend")
_SKIPPED = frozenset(
    {"node_modules", "venv", "env", "tests", "test", "docs", "dist", "build", "target", "__pycache__"}
    | {"public", "static", "assets"}
)
_SUFFIXES = (".py", ".js", ".mjs", ".ts", ".go", ".java", ".rb")

_PORT = re.compile(
    r"""\bport\s*[=:]\s*(\d{4,5})\b        # port=5000
    | \blisten\(\s*(\d{4,5})\b             # listen(3000
    | ["']PORT["']\s*,\s*["']?(\d{4,5})\b  # environ.get("PORT", "8000")
    | \bPORT\s*(?:\|\||\?\?)\s*(\d{4,5})\b # process.env.PORT || 3000
    | ^EXPOSE\s+(\d{2,5})\b""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_HEALTH = re.compile(r"""["'](/(?:healthz|health|readyz|ready|livez))["']""")
_GRPC = re.compile(r"\bgrpc\.(?:aio\.)?server\(|\bgrpc\.NewServer\(|new grpc\.Server\(")


@dataclass(frozen=True, slots=True)
class Found:
    """A folder that looks like a service. `path` is relative to the folder looked at; empty for that folder itself."""

    name: str
    path: str
    port: int | None  # None: nothing was found, and 8000 is as good as any
    health: str | None
    grpc: bool
    calls: tuple[str, ...]
    container_only: bool  # a Dockerfile, and nothing the process runtime could start
    variants: tuple[tuple[str, str], ...] = ()  # name and path of other versions, from folders like `orders-v2`


def survey(folder: Path) -> list[Found]:
    """The services in a folder, in the order of their names; the folder itself when it is one."""
    own = _names(folder)
    below = {} if _runs(own - _OF_MANY) else _service_folders(folder)
    places = below or ({_free_name(near_label(folder.name) or "app", ()): folder} if _is_service(own) else {})
    texts = {name: _text(place) for name, place in places.items()}
    calls = _without_circles({name: _called(text, name, list(texts)) for name, text in texts.items()})
    return _with_variants([_found(folder, name, place, texts[name], calls[name]) for name, place in places.items()])


def _with_variants(services: list[Found]) -> list[Found]:
    """`orders-v2` beside `orders` becomes its second version."""
    bases = {service.name: service for service in services}
    for service in services:
        match = re.fullmatch(r"(.+)-(v[2-9])", service.name)
        if match and match[1] in bases and not any(service.name in other.calls for other in services):
            base = bases[match[1]]
            bases[match[1]] = replace(base, variants=(*base.variants, (match[2], service.path)))
            del bases[service.name]
    return list(bases.values())


def _found(folder: Path, name: str, place: Path, text: str, calls: tuple[str, ...]) -> Found:
    port = _PORT.search(text)
    number = next((int(group) for group in port.groups() if group), 0) if port else 0
    health = _HEALTH.search(text)
    return Found(
        name=name,
        path="" if place == folder else place.relative_to(folder).as_posix(),
        port=number if 0 < number < 65536 else None,
        health=health[1] if health else None,
        grpc=_GRPC.search(text) is not None,
        calls=calls,
        container_only="Dockerfile" in _names(place) and not _runs_as_process(_names(place)),
    )


def _runs(names: set[str]) -> bool:
    return bool(names & RUNS) or any(name.endswith(_PROGRAMS) for name in names)


def _runs_as_process(names: set[str]) -> bool:
    return "pyproject.toml" in names or _runs(names)


def _is_service(names: set[str]) -> bool:
    return bool(names & _CODE) or _runs(names)


def _service_folders(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for place in _candidates(folder):
        if len(found) == MAX_SERVICES:
            break
        if _is_service(_names(place)) and (label := near_label(place.name)):
            found[_free_name(label, found)] = place
    return found


def _candidates(folder: Path) -> Iterator[Path]:
    """The sub-folders, and those of sub-folders that usually hold services."""
    for place in _folders(folder):
        if place.name in _HOLDERS and not _runs(_names(place)):
            yield from _folders(place)
        else:
            yield place


def _folders(folder: Path) -> list[Path]:
    def is_wanted(place: Path) -> bool:
        return place.is_dir() and not place.name.startswith((".", "_")) and place.name not in _SKIPPED

    try:
        return sorted(place for place in folder.iterdir() if place.name.isprintable() and is_wanted(place))
    except OSError:
        return []


def _names(folder: Path) -> set[str]:
    try:
        return {place.name for place in folder.iterdir() if place.is_file()}
    except OSError:
        return set()


def _free_name(label: str, taken: Sequence[str] | dict[str, Path]) -> str:
    name = f"{label}-service" if label == GATEWAY else label
    return next(
        free
        for number in range(1, MAX_SERVICES + 2)
        if (free := name if number == 1 else f"{name[:37]}-{number}") not in taken
    )


def _text(folder: Path) -> str:
    """The beginnings of some source files: those at the top first, then one level below."""
    java = sorted(folder.glob("src/main/java/**/*.java"))
    files = [folder / "Dockerfile", *sorted(folder.glob("*")), *java, *sorted(folder.glob("*/*"))]
    sources = [file for file in files if file.name == "Dockerfile" or file.suffix in _SUFFIXES]
    wanted = [file for file in dict.fromkeys(sources) if not _SKIPPED & set(file.relative_to(folder).parts)]
    return "\n".join(_beginning(file) for file in wanted[:_MAX_FILES])


def _beginning(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_TEXT).decode("utf-8", "replace")
    except OSError:
        return ""


def _called(text: str, caller: str, names: Sequence[str]) -> tuple[str, ...]:
    """Services whose variable or host name is in the source."""
    return tuple(
        name
        for name in names
        if name != caller
        and re.search(rf"\b{re.escape(name.upper().replace('-', '_'))}_(URL|HOST)\b|//{re.escape(name)}[:/\"']", text)
    )


def _without_circles(calls: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Leaves out each call that would close a circle, which a file may not have."""
    kept: dict[str, list[str]] = {name: [] for name in calls}
    for caller, callees in calls.items():
        for callee in callees:
            if not _reaches(kept, callee, caller):
                kept[caller].append(callee)
    return {name: tuple(callees) for name, callees in kept.items()}


def _reaches(calls: dict[str, list[str]], start: str, goal: str) -> bool:
    seen, open_ends = {start}, [start]
    while open_ends:
        fresh = set(calls[open_ends.pop()]) - seen
        seen |= fresh
        open_ends += fresh
    return goal in seen
