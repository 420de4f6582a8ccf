"""The project's `.env` and the files that `env_file` names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic_core import PydanticCustomError

from sandbox.config.dotenv import parse_env_file
from sandbox.config.fields import variable_name
from sandbox.config.read import read, shown, under
from sandbox.config.schema import EnvFileSpec, ProjectSpec
from sandbox.config.tree import Entries, Problems, place
from sandbox.errors import Location

Variables = dict[str, str | None]


def with_dotenv(root: Path, environment: Mapping[str, str], problems: Problems) -> dict[str, str]:
    """The environment, and what `.env` in `root` adds to it."""
    file = root / ".env"
    if not file.is_file() or (text := read(file, problems)) is None:
        return dict(environment)
    found = parse_env_file(text, shown(file), environment, problems)
    return {**{name: value for name, (value, _) in found.items() if value is not None}, **environment}


def read_env_files(
    spec: ProjectSpec,
    tree: Entries,
    root: Path,
    environment: Mapping[str, str],
    problems: Problems,
    look: Callable[[Path], object] = lambda file: None,
) -> dict[str, Variables]:
    """What every env_file of the project holds, by its path as written. look: told of each before it is read."""
    found: dict[str, Variables] = {}
    for file, location in _named(spec, tree):
        if file.path in found:
            continue
        path = under(root, file.path)
        look(path)
        if path.is_file():
            found[file.path] = _variables(path, environment, problems)
        else:
            found[file.path] = {}
            if file.required:
                problems.add(location, f"there is no such file: {path}", "add `required: false` if that is all right")
    return found


def _named(spec: ProjectSpec, tree: Entries) -> Iterator[tuple[EnvFileSpec, Location]]:
    for name, service in spec.services.items():
        holders: list[tuple[tuple[str, ...], list[EnvFileSpec]]] = [(("services", name), service.env_file)]
        holders += [
            (("services", name, "versions", version), found.env_file) for version, found in service.versions.items()
        ]
        for path, files in holders:
            for index, file in enumerate(files):
                yield file, place(tree, (*path, "env_file", index, "path"))


def _variables(path: Path, environment: Mapping[str, str], problems: Problems) -> Variables:
    text = read(path, problems)
    if text is None:
        return {}
    found = parse_env_file(text, shown(path), environment, problems)
    for name, (_, location) in found.items():
        try:
            variable_name(name)
        except PydanticCustomError as error:
            context = error.context or {}
            problems.add(location, context["message"], context["hint"])
    return {name: value for name, (value, _) in found.items()}
