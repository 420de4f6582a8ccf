"""Making a version's image: pulled, built by its own Dockerfile, or by one that its folder tells."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.model import Build
from sandbox.runtime.base import Output, Workload
from sandbox.runtime.docker.builds import cleanup, names
from sandbox.runtime.docker.builds.bases import Bases, Source
from sandbox.runtime.docker.builds.context import Context, ignored, only, scan
from sandbox.runtime.docker.builds.digests import Digests
from sandbox.runtime.docker.builds.dockerfile import EVERYTHING, Recipe, dependency_part, source_part
from sandbox.runtime.docker.builds.generate import Generated, generate, own_dockerfile
from sandbox.runtime.docker.builds.pull import find_image, have_image
from sandbox.runtime.docker.builds.run import Order, Runner
from sandbox.runtime.docker.builds.syntax import images as images_of
from sandbox.runtime.docker.builds.syntax import stages
from sandbox.runtime.docker.engine import Engine, EngineGone
from sandbox.runtime.docker.images import image_for

_LARGE = 100_000_000
"""Bytes of a context that are worth a remark."""


@dataclass(frozen=True, slots=True)
class Built:
    image: str  # its id, "sha256:…"
    argv: tuple[str, ...]  # empty: the image's own
    origin: str
    overlay: Path | None = None  # the archive of files that are newer than the image; see `runtime.base.Artifact`

    @property
    def contents(self) -> str:
        """Changes with what a container of it has in its file system."""
        return self.image if self.overlay is None else f"{self.image}+{self.overlay.stem}"


class Builder:
    """Of one project. `project` is its id, unique on this machine; `images` replace default images by purpose; `host`
    is the user's environment; `folder` is private, and keeps what images were made from: without it, every save needs
    a build."""

    def __init__(
        self,
        engine: Engine,
        project: str,
        images: Mapping[str, str],
        host: Mapping[str, str],
        folder: Path | None = None,
    ) -> None:
        self._engine = engine
        self._project = project
        self._images = images
        self._host = host
        self._runner = Runner(engine, project, host)
        self._installing: dict[str, asyncio.Lock] = {}
        self._digests = Digests()
        self._bases = Bases(engine, project, folder) if folder is not None else None

    async def prepare(self, workload: Workload, output: Output) -> Built:
        """Quick when nothing changed since the last time. RuntimeFailure with a reason and a next step."""
        version = workload.version
        if version.build is None:
            return await self._pulled(workload, output)
        own = own_dockerfile(version.build)
        if own is not None:
            return await self._by_dockerfile(workload, version.build, own, output)
        return await self._by_folder(workload, version.build, output)

    async def prune(self, keep: Collection[str]) -> None:
        """Remove images that are neither in use nor new. `keep`: ids of those in use."""
        bases = await asyncio.to_thread(self._bases.images) if self._bases is not None else set()
        await cleanup.prune(self._engine, self._project, {*keep, *bases})

    # --- image: -------------------------------------------------------------------------------------------------

    async def _pulled(self, workload: Workload, output: Output) -> Built:
        version = workload.version
        assert version.image is not None
        image = await self._have(version.image, workload, output)
        return Built(image, version.command or (), f"the image {version.image}")

    async def _have(self, image: str, workload: Workload, output: Output) -> str:
        policy, place = workload.version.pull_policy, workload.service
        return await have_image(self._engine, image, policy, self._host, output, place=place)

    # --- a Dockerfile of the user's -----------------------------------------------------------------------------

    async def _by_dockerfile(self, workload: Workload, build: Build, own: str, output: Output) -> Built:
        version, path = workload.version, build.context / own
        text = await asyncio.to_thread(_read, path)
        context = await self._context(build, own, output)
        found = stages(text, build.args)
        bases = {image: await self._known(image, workload, output) for image in images_of(found)}
        parts = (text, build.target, sorted(build.args.items()), sorted(bases.items()), workload.service, version.name)
        order = Order(
            text=text,
            tag=self._tag(workload, parts, context),
            context=context,
            labels=self._labels(workload),
            place=workload.service,
            dockerfile=str(path),
            arguments=build.args,
            target=build.target,
        )
        image, overlay = await self._have_newest(workload, names.key_of(parts), order, output)
        return Built(image, version.command or (), own, overlay)

    async def _known(self, image: str, workload: Workload, output: Output) -> str | None:
        """The id of what a stage starts from. What is missing the engine pulls itself, when it comes to it."""
        if workload.version.pull_policy == "always":
            return await self._have(image, workload, output)
        try:
            return await find_image(self._engine, image)
        except EngineGone:
            raise
        except RuntimeFailure:  # no image's name; the builder says where it stands
            return None

    # --- a Dockerfile of ours -----------------------------------------------------------------------------------

    async def _by_folder(self, workload: Workload, build: Build, output: Output) -> Built:
        version = workload.version
        made = await asyncio.to_thread(generate, build, version.command, self._image_for)
        if version.command is None:
            output(f"{' '.join(made.recipe.argv)} (from {made.origin})")
        if build.args or build.target:
            output("build.args and build.target say nothing here: the folder has no Dockerfile")
        context = await self._context(build, None, output)
        bases = {image: await self._have(image, workload, output) for image in sorted(made.recipe.images)}
        dependencies = await self._dependencies_order(workload, made, context, bases)
        text = source_part(made.recipe, dependencies.tag if dependencies else None)
        parts = (text, sorted(bases.items()), workload.service, version.name)
        order = Order(
            text=text,
            tag=self._tag(workload, parts, context),
            context=context,
            labels=self._labels(workload) | ({names.DEPENDENCIES: dependencies.tag} if dependencies else {}),
            place=workload.service,
            ours=True,
        )
        image, overlay = await self._have_newest(workload, names.key_of(parts), order, output, dependencies)
        return Built(image, made.recipe.argv, made.origin, overlay)

    async def _dependencies_order(
        self, workload: Workload, made: Generated, context: Context, bases: Mapping[str, str]
    ) -> Order | None:
        """Named after what they are made from, so that versions and services that need the same share one image."""
        recipe = made.recipe
        if recipe.dependencies is None:
            return None
        manifests = await asyncio.to_thread(_manifests, made.folder.path, recipe, context)
        text = dependency_part(recipe)
        key = names.key_of((text, manifests.digest, sorted(bases.items())))
        return Order(
            text=text,
            tag=names.dependencies_tag(self._project, key),
            context=manifests,
            labels={names.PROJECT: self._project, names.KIND: "dependencies"},
            place=workload.service,
            ours=True,
        )

    # --- images that are made -------------------------------------------------------------------------------------

    def _tag(self, workload: Workload, parts: Collection[object], context: Context) -> str:
        key = names.key_of((*parts, context.digest))
        return names.service_tag(self._project, workload.service, workload.version.name, key)

    async def _have_newest(
        self, workload: Workload, key: str, order: Order, output: Output, before: Order | None = None
    ) -> tuple[str, Path | None]:
        """An image, and an archive of what is newer; both only where the two are the same as a build. `key` is of all
        that the image is made from, but for the contents of files."""
        if self._bases is None:
            return await self._have_built(order, output, before), None
        source = Source(key=key, text=order.text, arguments=order.arguments, target=order.target, context=order.context)
        if (found := await self._bases.serving(workload, source)) is not None:
            image, overlay, count = found
            if count:
                output(f"{count} newer {'file goes' if count == 1 else 'files go'} over the image that is there")
            return image, overlay
        image = await self._have_built(order, output, before)
        if await self._is_unchanged(workload, order.context):
            await self._bases.keep(workload, source, image)
        return image, None

    async def _is_unchanged(self, workload: Workload, context: Context) -> bool:
        """Whether the folder is still what was said to be built: it is packed a moment after it was looked at."""
        build = workload.version.build
        assert build is not None
        now = await asyncio.to_thread(self._scan, build.context, own_dockerfile(build))
        return now.digest == context.digest

    async def _have_built(self, order: Order, output: Output, before: Order | None = None) -> str:
        """The image's id; built, after what it starts from, unless it is there."""
        if (found := await find_image(self._engine, order.tag)) is not None:
            return found
        if before is not None:
            async with self._installing.setdefault(before.tag, asyncio.Lock()):
                await self._have_built(before, output)
        await self._runner.build(order, output)
        found = await find_image(self._engine, order.tag)
        if found is None:
            raise RuntimeFailure(
                "the engine built it and does not have it", place=order.place, hint="see: docker images"
            )
        return found

    async def _context(self, build: Build, own: str | None, output: Output) -> Context:
        context = await asyncio.to_thread(self._scan, build.context, own)
        left_out = own is None and not any(entry.name == ".env" for entry in context.entries)
        if left_out and (build.context / ".env").exists():
            output(".env stays out of the image; name it in sandbox.yaml: env_file: .env")
        if context.size > _LARGE:
            output(f"{context.size / 1e6:.0f} MB go to the engine; leave out what is not needed: .dockerignore")
        return context

    def _scan(self, folder: Path, own: str | None) -> Context:
        if not folder.is_dir():
            raise RuntimeFailure("is not a folder", place=str(folder), hint="check the path given as build:")
        return scan(folder, ignored(folder, own), self._digests)

    def _image_for(self, purpose: str) -> str:
        return image_for(purpose, self._images, self._host)

    def _labels(self, workload: Workload) -> dict[str, str]:
        return {
            names.PROJECT: self._project,
            names.KIND: "service",
            names.SERVICE: workload.service,
            names.VERSION: workload.version.name,
        }


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not UTF-8"
        raise RuntimeFailure(f"can't be read: {why}", place=str(path), hint="check build: {dockerfile: …}") from None


def _manifests(folder: Path, recipe: Recipe, context: Context) -> Context:
    return context if recipe.manifests == EVERYTHING else only(folder, recipe.manifests)
