"""The schema for editors agrees with what loads."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from sandbox.config.jsonschema import schema
from sandbox.config.parse import parse
from sandbox.config.tree import Problems, plain
from sandbox.shipped import PROFILES, SAMPLE_APPS, shipped

VALIDATOR = jsonschema.Draft202012Validator(schema())

FILES = [*shipped(SAMPLE_APPS).glob("*/sandbox.yaml"), *shipped(PROFILES).glob("*.yaml")]


def accepts(text: str) -> bool:
    tree = parse(text, "a.yaml", Problems())
    assert tree is not None
    return bool(VALIDATOR.is_valid(plain(tree)))


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_ships_is_valid(file: Any) -> None:
    assert accepts(file.read_text())


@pytest.mark.parametrize(
    "keys",
    [
        "build: ./a",
        "build: {context: ./a}, x-note: [1]",
        "command: run",
        "command: [run, 1]",
        "environment: [A=1, B]",
        "environment: {A: 1, B: null, C: true}",
        "env_file: a.env",
        "env_file: [a.env, {path: b.env, required: false}]",
        "depends_on: [b]",
        "depends_on: {b: {condition: service_healthy}}",
        "ports: [80, '80/tcp', {target: 80}]",
        "deploy: {replicas: '${N:-2}'}",
        "develop: {watch: [{path: ., action: restart, ignore: x, include: '*.py'}]}",
        "develop: {watch: [{path: ., action: sync+exec, target: /a, initial_sync: true, exec: {command: [x, 1]}}]}",
        "reload: false",
        "reload: '${RELOAD}'",
        "reload: {watch: true, warm: 'false', drain: 30s}",
        "healthcheck: {test: [CMD, x]}",
        "entrypoint: ''",
        "entrypoint: []",
        "entrypoint: [x, 1]",
        "user: 1000",
        "volumes: [./a:/a, {type: bind, source: ./a, target: /a, bind: {create_host_path: true}}]",
        "tmpfs: /run",
        "tmpfs: [/run, '/tmp:size=1M']",
        "labels: {a: 1, b: null}",
        "labels: [a=1, b]",
        "expose: [80, 81/tcp]",
        "init: true, privileged: false",
        "pull_policy: if_not_present",
    ],
)
def test_short_and_long_forms_are_accepted(keys: str) -> None:
    assert accepts(f"services: {{a: {{{keys}}}}}")


def test_volumes_need_no_value() -> None:
    assert accepts("volumes: {rows: , other: {name: x, external: true}}")


@pytest.mark.parametrize(
    "text",
    [
        "servces: {}",
        "services: {A_B: {}}",
        "services: {a: {ports: 80}}",
        "services: {a: {deploy: {replicas: many}}}",
        "services: {a: {deploy: {replicas: 101}}}",
        "services: {a: {restart: maybe}}",
        "traffic: {a: {rules: [{matches: [{headers: {x: {typ: Exact}}}]}]}}",
        "runtime: dcker",
        "docker: {images: {pyton: x}}",
        "services: {a: {pull_policy: nver}}",
        "services: {a: {privileged: true}}",
        "services: {a: {volumes: ./a:/a}}",
        "services: {a: {volumes: [{type: npipe, target: /a}]}}",
        "services: {a: {runtime: runc}}",
        "volumes: {'my rows': null}",
    ],
)
def test_mistakes_are_marked(text: str) -> None:
    assert not accepts(text)
