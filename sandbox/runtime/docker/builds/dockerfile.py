"""A generated Dockerfile: what it consists of, and the three ways to write it down. Pure.

`whole` is the Dockerfile for people, which any builder takes. It is built in two parts, so that dependencies are kept
as an image of their own, apart from the source: `dependency_part` installs them, `source_part` starts from that image.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

USER = 65532
"""Whom programs run as: `nonroot` of the distroless images, no user of any common distribution."""

HOME = "/app"
EVERYTHING = (".",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage that is not the last one: nothing of it gets into the image but what it leaves."""

    name: str
    base: str
    lines: tuple[str, ...]
    leaves: tuple[str, ...]  # absolute paths that the next stage takes over


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    base: str
    argv: tuple[str, ...]
    setup: tuple[str, ...] = ()  # what the last stage does before it knows dependencies and source
    dependencies: Stage | None = None
    manifests: tuple[str, ...] = ()  # the files that the dependencies are made from; EVERYTHING: the whole folder
    build: Stage | None = None
    source: tuple[str, ...] = ()  # what is done once the source is there

    @property
    def images(self) -> frozenset[str]:
        """The images it starts from."""
        stages = [stage for stage in (self.dependencies, self.build) if stage is not None]
        return frozenset({self.base, *(stage.base for stage in stages)} - {stage.name for stage in stages})


def whole(recipe: Recipe, origin: str) -> str:
    """`origin` says where the command comes from."""
    stages = [_stage(stage) for stage in (recipe.dependencies, recipe.build) if stage is not None]
    last = [f"FROM {recipe.base}", *recipe.setup, *_taken(recipe), *_end(recipe)]
    return _text([f"# What sandbox builds where a folder has no Dockerfile. Command: {origin}."], *stages, last)


def dependency_part(recipe: Recipe) -> str:
    """Ends in an image with the dependencies and nothing of the stage that installed them."""
    stage = recipe.dependencies
    assert stage is not None
    setup = recipe.setup if _continues(recipe) else ()
    return _text(_stage(stage), [f"FROM {stage.base}", *setup, *_copies(stage)])


def source_part(recipe: Recipe, dependencies: str | None) -> str:
    """`dependencies` is the image that the dependency part became."""
    if dependencies is None:
        return _text(*_build(recipe), [f"FROM {recipe.base}", *recipe.setup, *_taken(recipe), *_end(recipe)])
    if _continues(recipe):
        return _text([f"FROM {dependencies}", *_end(recipe)])
    assert recipe.dependencies is not None
    start = [f"FROM {dependencies} AS {recipe.dependencies.name}"]
    last = [f"FROM {recipe.base}", *recipe.setup, *_taken(recipe), *_end(recipe)]
    return _text(start, *_build(recipe), last)


def _continues(recipe: Recipe) -> bool:
    """The last stage can start where the dependencies end."""
    stage = recipe.dependencies
    return stage is not None and recipe.build is None and stage.base == recipe.base


def _build(recipe: Recipe) -> list[list[str]]:
    return [] if recipe.build is None else [_stage(recipe.build)]


def _stage(stage: Stage) -> list[str]:
    return [f"FROM {stage.base} AS {stage.name}", *stage.lines]


def _taken(recipe: Recipe) -> list[str]:
    stage = recipe.build or recipe.dependencies
    return [] if stage is None else _copies(stage)


def _copies(stage: Stage) -> list[str]:
    return [f"COPY --from={stage.name} {path} {path}" for path in stage.leaves]


def _end(recipe: Recipe) -> list[str]:
    return [f"COPY --chown={USER}:{USER} . .", *recipe.source, f"USER {USER}:{USER}", f"CMD {command(recipe.argv)}"]


def command(argv: Sequence[str]) -> str:
    """As CMD takes it. An address that is known only at the start needs a shell."""
    if not any("$" in word for word in argv):
        return json.dumps(list(argv), ensure_ascii=False)
    quoted = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`") + '"' for word in argv)
    return json.dumps(["/bin/sh", "-c", f"exec {quoted}"], ensure_ascii=False)


def home(*environment: str) -> tuple[str, ...]:
    """A folder that the program owns, as it does where it runs as a process. `environment`: NAME=value."""
    return (
        f"RUN install -d -o {USER} -g {USER} {HOME}",
        f"ENV {' '.join((f'HOME={HOME}', *environment))}",
        f"WORKDIR {HOME}",
        "ENTRYPOINT []",  # those of base images do things as root first
    )


def run(*commands: str) -> str:
    return "RUN " + " \\\n && ".join(commands)


def _text(*blocks: Sequence[str]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"
