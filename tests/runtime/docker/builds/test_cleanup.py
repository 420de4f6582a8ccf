"""Which images are superfluous. No engine."""

from __future__ import annotations

from typing import Any

from sandbox.runtime.docker.builds.cleanup import superfluous
from sandbox.runtime.docker.builds.names import BUILD, DEPENDENCIES, KIND, SERVICE, STAGE, VERSION

NOW = 1_000_000
HOURS = 3600


def image(id: str, kind: str, age: int, *, tag: str | None = None, **labels: str) -> dict[str, Any]:
    names = {"service": SERVICE, "version": VERSION, "stage": STAGE, "build": BUILD, "dependencies": DEPENDENCIES}
    return {
        "Id": id,
        "Created": NOW - age,
        "RepoTags": [tag] if tag else ["<none>:<none>"],
        "Labels": {KIND: kind, **{names[name]: value for name, value in labels.items()}},
    }


def removed(*found: dict[str, Any], keep: tuple[str, ...] = ()) -> set[str]:
    return {str(one["Id"]) for one in superfluous(found, keep, NOW)}


def of_service(id: str, age: int, version: str = "v1", **labels: str) -> dict[str, Any]:
    return image(id, "service", age, tag=f"sandbox/x/orders:{id}", service="orders", version=version, **labels)


def test_two_images_of_each_version_stay_and_those_in_use() -> None:
    found = [of_service(id, age) for age, id in enumerate("abcd")] + [of_service("z", 99, "v2")]
    assert removed(*found) == {"c", "d"}
    assert removed(*found, keep=("d",)) == {"c"}


def test_dependencies_stay_while_an_image_was_built_from_them_or_a_build_may_need_them() -> None:
    found = [
        *(of_service(id, age, dependencies=f"dependencies.{id}:latest") for age, id in enumerate("abc")),
        *(image(f"d{id}", "dependencies", 2 * HOURS, tag=f"dependencies.{id}:latest") for id in "abcx"),
        image("fresh", "dependencies", 60, tag="dependencies.fresh:latest"),
    ]
    assert removed(*found) == {"c", "dc", "dx"}


def test_stages_are_a_cache_and_what_an_aborted_build_left_is_not() -> None:
    found = [
        *(image(id, "stage", age, service="orders", version="v1", stage="0") for age, id in enumerate("abc")),
        image("other", "stage", 9, service="orders", version="v1", stage="1"),
        image("aborted", "stage", 2 * HOURS, stage="0", build="1"),
        image("files", "files", 2 * HOURS, tag="sandbox/x/build.files:1", build="1"),
        image("building", "stage", 60, stage="0", build="2"),
        image("in use", "files", 60, tag="sandbox/x/build.files:2", build="2"),
    ]
    assert removed(*found) == {"c", "aborted", "files"}
