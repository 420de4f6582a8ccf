"""profiles/reference.yaml is the documentation of the keys: it has all of them, and it loads."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import jsonschema
import pytest

from sandbox.config.expand import expand
from sandbox.config.jsonschema import schema
from sandbox.config.loader import load
from sandbox.config.parse import parse
from sandbox.config.schema import ContainerSpec, ProjectSpec, SettingsSpec, Spec
from sandbox.config.tree import Entries, Problems, plain
from sandbox.control import Metric
from sandbox.model import BUILT_IN_ALERTS, External, MatchType, MeshSettings, MountKind, RestartPolicy
from sandbox.shipped import PROFILES, shipped

REFERENCE = shipped(PROFILES) / "reference.yaml"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The file beside the folders that it names."""
    for name in ("shop", "orders", "worker"):
        (tmp_path / name).mkdir()
    (tmp_path / "orders" / "Dockerfile").touch()
    file = tmp_path / "sandbox.yaml"
    file.write_text(REFERENCE.read_text())
    return file


def test_it_loads(copy: Path) -> None:
    project = load([copy], environment={"LANG": "C"})

    shop = project.services["shop"]
    assert [str(port.protocol) for port in shop.ports] == ["http", "http", "grpc", "tcp", "http", "tcp", "http"]
    assert shop.versions[0].environment["LANG"].parts == ("C",)
    assert shop.versions[0].restart is RestartPolicy.ON_FAILURE
    assert [version.name for version in project.services["orders"].versions] == ["v1", "v2"]
    store = project.services["store"].versions[0]
    assert [(str(mount.kind), mount.target) for mount in store.mounts if mount.kind is not MountKind.TMPFS] == [
        ("bind", "/data"),
        ("bind", "/certificates"),
        ("volume", "/var/lib/rows"),
        ("volume", "/var/cache/store"),
        ("bind", "/etc/store"),
        ("volume", "/old"),
    ]
    assert project.volumes["shared"].name == "company-data"
    canary, *_, by_weight = project.traffic["orders"].rules
    assert [match.headers[0].type for match in canary.matches] == [MatchType.EXACT, MatchType.REGULAR_EXPRESSION]
    assert by_weight.timeouts.backend_request == 0.5
    assert project.services["payments"].external == External(host="api.example.com", port=443, tls=True)
    assert project.mesh == MeshSettings()


def test_editors_accept_it() -> None:
    jsonschema.validate(written(), schema())


def test_it_has_every_key() -> None:
    assert set(keys_of(ProjectSpec)) - keys_in(reference(), ProjectSpec) == set()


def test_every_key_in_it_is_one() -> None:
    assert keys_in(reference(), ProjectSpec) - set(keys_of(ProjectSpec)) == set()


def test_every_key_has_a_description() -> None:
    missing = [f"{model}.{key}" for model, key in keys_of(ProjectSpec) if not models()[model].keys()[key].description]

    assert missing == []


def told_names(heading: str) -> list[str]:
    """The names at the beginning of the comment's lines below the heading."""
    below = REFERENCE.read_text().split(heading, 1)[1]
    block = re.match(r".*\n((?:#   .*\n)+)", below)
    assert block is not None, heading
    names = re.findall(r"^#   ((?:[a-z0-9_]+ ?)+)(?:  |$)", block[1], re.MULTILINE)
    return [name for line in names for name in line.split()]


def test_its_comments_name_every_alert_and_metric() -> None:
    assert told_names("# Built in, for every project") == list(BUILT_IN_ALERTS)
    assert sorted(told_names("# What a rule of your own may ask for")) == sorted(Metric)


def tree() -> Entries:
    found = parse(REFERENCE.read_text(), "reference.yaml", Problems())
    assert found is not None
    return found


def written() -> Any:
    return plain(tree())


def reference() -> Any:
    return plain(expand(tree(), Problems()))


Key = tuple[str, str]


def owner(model: type[Spec], key: str) -> str:
    """The model that declares the key: a version's keys are the same as those of a service."""
    name = next((name for name, field in model.model_fields.items() if (field.alias or name) == key), key)
    return next((found.__name__ for found in model.__mro__ if name in inspect.get_annotations(found)), "")


def keys_of(model: type[Spec]) -> Iterator[Key]:
    """(model, key) of a model and all models inside it."""
    for name, field in model.keys().items():
        yield owner(model, name), name
        for inner in models_in(field.annotation):
            yield from keys_of(inner)


def models() -> dict[str, type[Spec]]:
    found: dict[str, type[Spec]] = {"SettingsSpec": SettingsSpec, "ContainerSpec": ContainerSpec}

    def visit(model: type[Spec]) -> None:
        found[model.__name__] = model
        for field in model.keys().values():
            for inner in models_in(field.annotation):
                visit(inner)

    visit(ProjectSpec)
    return found


def models_in(annotation: Any) -> list[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def keys_in(data: Any, annotation: Any) -> set[Key]:
    """(model, key) of what is written in `data`, which `annotation` describes."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return keys_in(data, get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return set().union(*(keys_in(data, choice) for choice in get_args(annotation)))
    if origin is list and isinstance(data, list):
        return set().union(*(keys_in(item, get_args(annotation)[0]) for item in data))
    if origin is dict and isinstance(data, dict):
        return set().union(*(keys_in(value, get_args(annotation)[1]) for value in data.values()))
    if isinstance(annotation, type) and issubclass(annotation, Spec) and isinstance(data, dict):
        return _keys_of_map(data, annotation)
    return set()


def _keys_of_map(data: dict[str, Any], model: type[Spec]) -> set[Key]:
    found: set[Key] = set()
    for name, value in data.items():
        if not name.startswith("x-"):
            found.add((owner(model, name), name))
            field = model.keys().get(name)
            found |= keys_in(value, field.annotation) if field else set()
    return found
