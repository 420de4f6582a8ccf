"""Where Envoy runs, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sandbox.runtime.docker.layout import EngineFacts, choose_layout, facts

NATIVE = EngineFacts(
    name="Docker 28.0", desktop=False, rootless=False, podman=False, filters_bridges=True, memory=8 * 2**30
)


def test_on_a_native_engine_envoy_runs_on_the_host() -> None:
    assert choose_layout("auto", NATIVE, ()).proxy == "host"


@pytest.mark.parametrize(
    ("engine", "in_the_way", "reason"),
    [
        (replace(NATIVE, podman=True), (), "Podman"),
        (replace(NATIVE, desktop=True), (), "virtual machine"),
        (replace(NATIVE, rootless=True), (), "rootless"),
        (replace(NATIVE, filters_bridges=False), (), "br_netfilter"),
        (NATIVE, ("port 80 is taken by nginx", "port 81 too"), "port 80 is taken by nginx; port 81 too"),
    ],
)
def test_what_makes_it_run_in_a_container(engine: EngineFacts, in_the_way: tuple[str, ...], reason: str) -> None:
    layout = choose_layout("auto", engine, in_the_way)
    assert layout.proxy == "container"
    assert reason in layout.reason


def test_what_is_asked_for_is_done() -> None:
    assert choose_layout("container", NATIVE, ()).proxy == "container"
    assert choose_layout("host", replace(NATIVE, rootless=True), ("port 80",)).proxy == "host"
    assert choose_layout("host", NATIVE, ()).reason == "it was asked for (docker.proxy)"


@pytest.mark.parametrize(
    ("info", "version", "linux", "expected"),
    [
        (
            {"OperatingSystem": "Debian GNU/Linux 12", "MemTotal": 8 * 2**30, "SecurityOptions": ["name=seccomp"]},
            {"Version": "28.0", "Components": [{"Name": "Engine"}]},
            True,
            NATIVE,
        ),
        (
            {"OperatingSystem": "Docker Desktop"},
            {"Version": "28.0"},
            True,
            replace(NATIVE, desktop=True, memory=0),
        ),
        ({}, {"Version": "28.0"}, False, replace(NATIVE, desktop=True, memory=0)),
        (
            {"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]},
            {"Version": "28.0", "Components": None},
            True,
            replace(NATIVE, rootless=True, memory=0),
        ),
        (
            {"SecurityOptions": None},
            {"Version": "5.4", "Components": [{"Name": "Podman Engine"}]},
            True,
            replace(NATIVE, name="Podman 5.4", podman=True, memory=0),
        ),
    ],
)
def test_what_engines_say_of_themselves(
    info: dict[str, Any], version: dict[str, Any], linux: bool, expected: EngineFacts
) -> None:
    assert facts(info, version, linux=linux, filters_bridges=True) == expected
