"""`-f a -f b`, as Compose merges."""

from __future__ import annotations

from sandbox.config.loader import load
from sandbox.model import Port, RestartPolicy, Template
from tests.config.conftest import Folder

BASE = "services: {a: {build: ./a, ports: ['8000'], command: [run, fast], environment: [A=1, B=2], restart: always}}"


def test_maps_merge_lists_grow_commands_are_replaced(folder: Folder) -> None:
    over = "services: {a: {ports: ['18001:8001'], command: [walk], environment: {B: 3, C: 4}, deploy: {replicas: 2}}}"

    service = folder.load(BASE, over).services["a"]

    [version] = service.versions
    assert service.ports == (Port(number=8000), Port(number=8001, published=18001))
    assert version.command == ("walk",)
    assert {name: value.parts for name, value in version.environment.items()} == {"A": ("1",), "B": ("3",), "C": ("4",)}
    assert (version.replicas, version.restart) == (2, RestartPolicy.ALWAYS)


def test_the_same_port_in_both_counts_once(folder: Folder) -> None:
    assert folder.load(BASE, "services: {a: {ports: [8000]}}").services["a"].ports == (Port(number=8000),)


def test_a_build_folder_lies_over_a_build_map(folder: Folder) -> None:
    base = "services: {a: {build: {context: ./b, args: {X: 1}}}}"

    build = folder.load(base, "services: {a: {build: ./a}}").services["a"].versions[0].build

    assert build is not None
    assert (build.context, build.args) == (folder.root / "a", {"X": "1"})


def test_traffic_rules_are_replaced_as_a_whole(folder: Folder) -> None:
    rules = "traffic: {a: {rules: [{timeouts: {request: %s}}]}}"

    policy = folder.load(BASE + "\n" + rules % "1s", rules % "2s").traffic["a"]

    assert [rule.timeouts.request for rule in policy.rules] == [2.0]


def test_nothing_takes_a_key_away(folder: Folder) -> None:
    assert folder.load(BASE, "services: {a: {ports: }}").services["a"].ports == ()


def test_problems_are_shown_in_their_own_file(folder: Folder) -> None:
    assert folder.problems(BASE, "services:\n  a:\n    deploy: {replicas: many}\n") == [
        '3:24 replicas should be a whole number, not "many" | write a number from 0 to 100'
    ]


def test_paths_start_at_the_first_file(folder: Folder) -> None:
    (folder.root / "deep").mkdir()
    over = folder.write("services: {b: {build: ./b, environment: {X: y}}}", "deep/over.yaml")
    first = folder.write(BASE)

    project = load([first, over], environment={})

    assert project.root == folder.root
    assert project.services["b"].versions[0].environment["X"] == Template(("y",))
    assert {first, over} <= set(project.files)
