"""Images from a registry, pulled by a real engine."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from docker.errors import ImageNotFound

from sandbox.errors import RuntimeFailure
from tests.runtime.docker.builds.kitchen import Kitchen, workload
from tests.runtime.docker.builds.registry import Registry, registry


@pytest.fixture
def shop(kitchen: Kitchen) -> Iterator[Registry]:
    with registry() as found:
        found.push("bread:1", "rye")
        yield found
        with suppress(ImageNotFound):
            kitchen.real.api.remove_image(found.image("bread:1"), force=True)


async def test_an_image_is_pulled_once(kitchen: Kitchen, shop: Registry) -> None:
    image = shop.image("bread:1")
    built = await kitchen.prepare(workload(None, image=image, command=("serve",)))

    assert built.image == kitchen.real.api.inspect_image(image)["Id"]
    assert (built.argv, built.origin) == (("serve",), f"the image {image}")
    assert kitchen.said == [f"pulling {image}", f"pulled {image}"]

    kitchen.said.clear()
    assert await kitchen.prepare(workload(None, image=image, command=("serve",))) == built
    assert kitchen.said == []


async def test_always_pulls_again_and_makes_do_with_the_copy_that_is_here(kitchen: Kitchen, shop: Registry) -> None:
    image = shop.image("bread:1")
    first = await kitchen.prepare(workload(None, image=image, pull_policy="always"))
    shop.push("bread:1", "wheat")
    second = await kitchen.prepare(workload(None, image=image, pull_policy="always"))
    assert second.image != first.image
    kitchen.real.api.remove_image(first.image)

    shop.tags.clear()
    kitchen.said.clear()
    assert await kitchen.prepare(workload(None, image=image, pull_policy="always")) == second
    assert kitchen.said[-1].endswith("; the copy on this machine is used")


async def test_never_pulls_not_even_what_is_missing(kitchen: Kitchen, shop: Registry) -> None:
    image = shop.image("bread:1")
    with pytest.raises(RuntimeFailure, match="is not on this machine, and pull_policy: never") as failure:
        await kitchen.prepare(workload(None, image=image, pull_policy="never"))
    assert failure.value.place == "orders"
    assert failure.value.hint == f"docker pull {image}, or leave pull_policy out"
    assert shop.authorizations == []


async def test_an_image_that_does_not_exist(kitchen: Kitchen, shop: Registry) -> None:
    with pytest.raises(RuntimeFailure, match=r"bread:2 could not be pulled: manifest .*unknown") as failure:
        await kitchen.prepare(workload(None, image=shop.image("bread:2")))
    assert failure.value.place == "orders"
    assert failure.value.hint.startswith("check the image's name and tag")


async def test_a_registry_that_does_not_answer(kitchen: Kitchen) -> None:
    with pytest.raises(RuntimeFailure, match=r"could not be pulled: .*connection refused") as failure:
        await kitchen.prepare(workload(None, image="127.0.0.1:1/bread:1"))
    assert failure.value.hint == "check the network, or load the image by hand: docker load"


async def test_what_the_docker_command_logged_in_with_is_used(
    kitchen: Kitchen, shop: Registry, host: dict[str, str], tmp_path: Path
) -> None:
    """The engine only shows a password where it is asked for one."""
    token = base64.b64encode(b"jo:sesame").decode()
    folder = tmp_path / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {f"127.0.0.1:{shop.port}": {"auth": token}}}))
    shop.password = f"Basic {token}"
    built = await kitchen.prepare(workload(None, image=shop.image("bread:1")))
    assert built.image.startswith("sha256:")
    assert f"Basic {token}" in shop.authorizations


async def test_a_default_image_is_pulled_before_a_build_starts_from_it(
    kitchen: Kitchen, shop: Registry, app: Path, host: dict[str, str]
) -> None:
    host["SANDBOX_IMAGE_RUN"] = shop.image("bread:2")
    with pytest.raises(RuntimeFailure, match=r"bread:2 could not be pulled") as failure:
        await kitchen.prepare(workload(app, command=("./serve",)))
    assert failure.value.place == "orders"
