"""Having an image: the copy on this machine, or one that is pulled."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from docker.utils import parse_repository_tag

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Output
from sandbox.runtime.docker.builds.answers import answers
from sandbox.runtime.docker.builds.credentials import for_pull
from sandbox.runtime.docker.builds.progress import Pulling
from sandbox.runtime.docker.engine import Engine, EngineGone, NotThere, refusal

_NOT_FOUND = ("manifest unknown", "not found", "pull access denied", "repository does not exist")


async def have_image(
    engine: Engine, image: str, policy: str, host: Mapping[str, str], output: Output, *, place: str
) -> str:
    """The image's id. `policy` is Compose's: always, missing or never. A copy that is here already serves where it
    can't be pulled again. RuntimeFailure when there is none."""
    local = await find_image(engine, image)
    if local is not None and (policy != "always" or image.startswith("sha256:")):
        return local
    if policy == "never":
        raise RuntimeFailure(
            f"the image {image} is not on this machine, and pull_policy: never forbids to pull it",
            place=place,
            hint=f"docker pull {image}, or leave pull_policy out",
        )
    try:
        await _pull(engine, image, host, output, place)
    except EngineGone:
        raise
    except RuntimeFailure as failure:
        if local is None:
            raise
        output(f"{failure.message}; the copy on this machine is used")
        return local
    found = await find_image(engine, image)
    if found is None:
        raise RuntimeFailure(f"{image} was pulled and is not there", place=place, hint="see: docker images")
    return found


async def find_image(engine: Engine, image: str) -> str | None:
    """The id of the copy on this machine."""
    try:
        return str((await engine.call(lambda api: api.inspect_image(image), place=image))["Id"])
    except NotThere:
        return None


async def _pull(engine: Engine, image: str, host: Mapping[str, str], output: Output, place: str) -> None:
    repository, tag = parse_repository_tag(image)
    query = {"fromImage": repository, "tag": tag or "latest"}
    headers = await asyncio.to_thread(for_pull, repository, host)
    async with engine.room:
        output(f"pulling {image}")
        pulling = Pulling(output)
        try:
            async for message in answers(engine, "/images/create", query, headers, place=place):
                if "error" in message:
                    raise refusal(0, str(message["error"]), place)
                pulling.hear(message)
        except EngineGone:
            raise
        except RuntimeFailure as failure:
            raise RuntimeFailure(
                f"{image} could not be pulled: {failure.message}", place=place, hint=_hint(failure, image)
            ) from None
    output(f"pulled {image}")


def _hint(failure: RuntimeFailure, image: str) -> str:
    if any(words in failure.message.lower() for words in _NOT_FOUND):
        return "check the image's name and tag, or log in to its registry: docker login"
    return failure.hint or f"see what docker pull {image} says"
