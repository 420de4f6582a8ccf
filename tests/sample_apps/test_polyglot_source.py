"""What a newcomer meets on opening polyglot: plain services that need nothing but their languages."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sandbox.config.loader import load
from tests.sample_apps.teashop import POLYGLOT
from tests.sample_apps.test_source import imported

SOURCES = sorted(path for kind in ("js", "go", "java", "py") for path in POLYGLOT.rglob(f"*.{kind}"))
CALLERS = {"storefront/server.js", "cart/main.go", "stock/app.py"}
HEADERS = ("traceparent", "tracestate", "baggage", "x-request-id", "x-canary")


def name_of(path: Path) -> str:
    return path.relative_to(POLYGLOT).as_posix()


def test_there_are_four_languages() -> None:
    assert {path.suffix for path in SOURCES} == {".js", ".go", ".java", ".py"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_service_is_two_pages_at_most_and_knows_nothing_of_us(path: Path) -> None:
    text = path.read_text()

    assert len(text.splitlines()) <= 140
    assert set(re.findall(r"\w*sandbox\w*", text, re.IGNORECASE)) <= {
        "SANDBOX_SERVICE",
        "SANDBOX_VERSION",
        "SANDBOX_INSTANCE",
    }


def test_only_services_that_call_others_hand_on_headers_and_all_the_same() -> None:
    handing_on = {name_of(path) for path in SOURCES if "traceparent" in path.read_text().lower()}

    assert handing_on == CALLERS
    for name in CALLERS:
        text = (POLYGLOT / name).read_text().lower()
        assert all(f'"{header}"' in text for header in HEADERS)


def test_no_service_has_a_dependency() -> None:
    package = json.loads((POLYGLOT / "storefront" / "package.json").read_text())
    assert not any(key.lower().endswith("dependencies") for key in package)
    assert imported(POLYGLOT / "stock" / "app.py") <= sys.stdlib_module_names
    assert not list(POLYGLOT.rglob("requirements.txt"))
    for module in POLYGLOT.rglob("go.mod"):
        assert re.fullmatch(r"module \S+\n\ngo 1\.19\n", module.read_text())
    pom = ElementTree.parse(POLYGLOT / "depot" / "pom.xml")
    assert pom.find(".//{*}dependency") is None
    assert {one.text for one in pom.findall(".//{*}properties/*")} == {"17", "UTF-8"}


def test_java_takes_nothing_that_is_not_in_a_jdk() -> None:
    for path in POLYGLOT.rglob("*.java"):
        for name in re.findall(r"^import (.+);", path.read_text(), re.MULTILINE):
            assert name.startswith(("java.", "com.sun.net.httpserver."))


def test_go_takes_nothing_that_is_not_in_its_library() -> None:
    for path in POLYGLOT.rglob("*.go"):
        (block,) = re.findall(r"^import \((.*?)^\)", path.read_text(), re.MULTILINE | re.DOTALL)
        assert all("." not in name for name in re.findall(r'"(.+)"', block))


def test_every_folder_belongs_to_a_service_and_no_command_is_needed() -> None:
    project = load([POLYGLOT / "sandbox.yaml"], environment={})
    versions = [version for service in project.services.values() for version in service.versions]

    assert {version.build.context.name for version in versions if version.build} == {
        path.name for path in POLYGLOT.iterdir() if path.is_dir()
    }
    assert all(version.command is None for version in versions)
