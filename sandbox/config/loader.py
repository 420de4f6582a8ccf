"""sandbox.yaml to `model.Project`. `load` is the list of the steps; each is a module of this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

from pydantic_core import PydanticCustomError

from sandbox.config.beyond import independent, sound_part
from sandbox.config.checks import check
from sandbox.config.envfiles import read_env_files, with_dotenv
from sandbox.config.expand import expand
from sandbox.config.fields import project_name
from sandbox.config.inherit import inherit
from sandbox.config.interpolate import interpolate
from sandbox.config.merge import merge_files
from sandbox.config.names import near_project_name
from sandbox.config.parse import parse
from sandbox.config.profiles import DEFAULT, profile_file, refuse_other_keys
from sandbox.config.read import read, shown, under
from sandbox.config.resolve import Resolver
from sandbox.config.schema import ProjectSpec, SettingsSpec
from sandbox.config.traffic.policies import rule_places
from sandbox.config.tree import Entries, Problems
from sandbox.config.validate import faulty, validate
from sandbox.errors import ConfigError, Location, Problem
from sandbox.model import Project


def load(
    files: Sequence[Path],
    *,
    profiles: Sequence[str] = (),
    environment: Mapping[str, str],
    project: str | None = None,
    look: Callable[[Path], object] = lambda file: None,
) -> Project:
    """The project that the files describe, merged in their order over the profiles' settings.

    profiles: names or paths, later ones win; `standard` when there are none. environment: what `${VAR}` reads, before
    `.env` beside the first file. project: overrides the name. look: told of each file before it is read, also of those
    that may be there and are not. Raises ConfigError with all that is wrong.
    """
    if not files:
        raise ValueError("a project has at least one file")
    return _Load(files, profiles or (DEFAULT,), environment, project, look).run()


class _Load:
    def __init__(
        self,
        files: Sequence[Path],
        profiles: Sequence[str],
        environment: Mapping[str, str],
        name: str | None,
        look: Callable[[Path], object],
    ) -> None:
        self._files = files
        self._profiles = profiles
        self._environment = environment
        self._name = name
        self._look = look
        self._root = files[0].absolute().parent.resolve()
        self._problems = Problems()
        self._read: list[Path] = []

    def run(self) -> Project:
        own = [self._tree(file) for file in self._files]
        settings = [self._profile(name) for name in self._profiles]
        self._look(self._root / ".env")
        variables = with_dotenv(self._root, self._environment, self._problems)
        self._stop_if_wrong()
        merged = merge_files(_merged(settings), _merged(own))
        tree = inherit(interpolate(merged, variables, self._problems))
        spec = self._valid(tree, variables)
        env_files = read_env_files(spec, tree, self._root, variables, self._problems, self._look)
        self._stop_if_wrong()
        project = Resolver(self._root, variables, env_files).project(
            spec, self._project_name(spec), self._all_files(env_files)
        )
        check(project, tree, self._problems)
        self._stop_if_wrong()
        return replace(project, places=rule_places(tree))

    def _tree(self, file: Path) -> Entries | None:
        self._read.append(file)
        self._look(file.absolute())
        text = read(file, self._problems)
        tree = None if text is None else parse(text, shown(file), self._problems)
        return None if tree is None else expand(tree, self._problems)

    def _profile(self, name: str) -> Entries | None:
        file = profile_file(name, self._problems)
        tree = self._tree(file) if file else None
        if tree is not None:
            refuse_other_keys(tree, SettingsSpec.model_fields, self._problems)
        return tree

    def _valid(self, tree: Entries, variables: Mapping[str, str]) -> ProjectSpec:
        """What is wrong with a value whose variable could not be replaced is beside the point."""
        unresolved = {problem.location for problem in self._problems.all}
        faults = Problems()
        spec = validate(tree, faults)
        for fault in faults.all:
            if fault.location not in unresolved:
                self._problems.add(fault.location, fault.message, fault.hint)
        if spec is None:
            self._look_beyond(tree, variables)
        self._stop_if_wrong()
        assert spec is not None
        return spec

    def _look_beyond(self, tree: Entries, variables: Mapping[str, str]) -> None:
        """Find what else is wrong, apart from what does not fit the schema."""
        rest, left_out = sound_part(tree, faulty(tree))
        spec = validate(rest, Problems())
        if spec is None or not spec.services:
            return
        found = Problems()
        env_files = read_env_files(spec, rest, self._root, variables, found)
        check(Resolver(self._root, variables, env_files).project(spec, "app", ()), rest, found)
        told = {problem.location for problem in self._problems.all}
        for problem in independent(found.all, left_out):
            if problem.location not in told:
                self._problems.add(problem.location, problem.message, problem.hint)

    def _project_name(self, spec: ProjectSpec) -> str:
        if self._name is None:
            return spec.name or near_project_name(self._root.name) or "app"
        try:
            return project_name(self._name)
        except PydanticCustomError as error:
            context = error.context or {}
            self._problems.add(Location(f"--project {self._name}"), context["message"], context["hint"])
            return self._name

    def _all_files(self, env_files: Mapping[str, object]) -> tuple[Path, ...]:
        dotenv = self._root / ".env"
        variables = [dotenv, *(under(self._root, name) for name in env_files)]
        return tuple(dict.fromkeys(file.resolve() for file in (*self._read, *filter(Path.is_file, variables))))

    def _stop_if_wrong(self) -> None:
        if self._problems:
            raise ConfigError(sorted(self._problems.all, key=self._order))

    def _order(self, problem: Problem) -> tuple[int, int, int]:
        files = [shown(file) for file in self._read]
        location = problem.location
        return files.index(location.file) if location.file in files else len(files), location.line, location.column


def _merged(trees: Sequence[Entries | None]) -> Entries:
    return reduce(merge_files, [tree for tree in trees if tree is not None])
