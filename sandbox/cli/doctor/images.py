"""Whether the images that services are built on can be had: here already, or from their registry."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.images import DEFAULTS, image_for

_REGISTRIES_ANSWER_WITHIN = 5.0  # seconds, all together

_PURPOSES = tuple(purpose for purpose in DEFAULTS if purpose != "envoy")  # that one only some engines need


@dataclass(frozen=True, slots=True)
class ImageFact:
    purpose: str  # as in SANDBOX_IMAGE_<PURPOSE>
    image: str
    here: bool
    problem: str = ""  # why it can't be pulled


def base_images(environment: Mapping[str, str] = os.environ) -> tuple[ImageFact, ...]:
    """Of the engine that `up` would use; nothing when none answers."""
    try:
        return asyncio.run(_look({purpose: image_for(purpose, {}, environment) for purpose in _PURPOSES}, environment))
    except RuntimeFailure:
        return ()  # the finding about the engine says so


async def _look(images: Mapping[str, str], environment: Mapping[str, str]) -> tuple[ImageFact, ...]:
    from sandbox.runtime.docker.builds.pull import find_image  # they import the engine's library, which takes 0.3 s
    from sandbox.runtime.docker.engine import Engine

    async def look(purpose: str, image: str) -> ImageFact:
        if await find_image(engine, image) is not None:
            return ImageFact(purpose, image, here=True)
        try:
            async with asyncio.timeout(_REGISTRIES_ANSWER_WITHIN):
                await engine.call(lambda api: api.inspect_distribution(image))
        except TimeoutError:
            return ImageFact(purpose, image, here=False, problem="its registry does not answer")
        except RuntimeFailure as failure:
            return ImageFact(purpose, image, here=False, problem=failure.message)
        return ImageFact(purpose, image, here=False)

    engine = await Engine.connect(environment)
    try:
        return tuple(await asyncio.gather(*(look(purpose, image) for purpose, image in images.items())))
    finally:
        await engine.close()
