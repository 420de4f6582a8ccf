"""Imports point downwards only, and neighbours on one layer do not know each other (see sandbox/README.md)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox

PACKAGE = Path(sandbox.__file__).parent

LAYERS = (
    {"errors", "model", "paths", "files", "ports", "tasks", "shipped", "wording"},
    {"events", "control", "graphlayout", "pictures"},
    {"config", "runtime", "proxy", "traffic", "telemetry", "diagnosis", "load", "reload"},
    {"supervisor"},
    {"api", "tui"},
    {"daemon"},
    {"cli"},
    {"__main__"},
)
LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units}

OWN_KIND = {0, 1}
"""Layers of single modules, which may build on each other; the others hold packages that stay apart."""

SCREENS = {"api", "tui"}
"""See the system through `control` alone, so that they work with the supervisor, the client and a fake alike."""


HOOK = PACKAGE / "runtime" / "zygote" / "hook"
"""Runs inside the user's interpreter, where there is no `sandbox`."""


def modules(folder: Path = PACKAGE) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if folder == HOOK or HOOK not in path.parents)


def unit_of(path: Path) -> str:
    """The first name below `sandbox`: a package, or a single module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_units(source: str) -> set[str]:
    """First names below `sandbox` that a module imports, at its top or inside functions."""
    return {name.split(".")[1] for name in _imported(ast.parse(source)) if name.startswith("sandbox.")}


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "sandbox":
            yield from (f"sandbox.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in line {node.lineno}"
            yield node.module or ""


def objection(importer: str, imported: str) -> str | None:
    """Why `importer` may not import `imported`, or None when it may."""
    if importer == imported or imported == "__version__":
        return None
    here, there = LEVEL[importer], LEVEL[imported]
    if there > here:
        return f"{importer} (L{here}) imports {imported} (L{there}) above it"
    if there == here and here not in OWN_KIND:
        return f"{importer} imports its neighbour {imported}"
    if importer in SCREENS and there > LEVEL["control"]:
        return f"{importer} must see {imported} through control"
    return None


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(module: Path) -> None:
    unit = unit_of(module)
    if unit == "__init__":
        assert not imported_units(module.read_text())
        return
    assert unit in LEVEL, f"{unit} has no layer: add it to LAYERS and to sandbox/README.md"

    found = [objection(unit, imported) for imported in sorted(imported_units(module.read_text()))]

    assert [text for text in found if text] == []


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("model", "from sandbox.control import Status"),
        ("config", "import sandbox.supervisor.plan"),
        ("proxy", "def f():\n    from sandbox.runtime import base"),
        ("tui", "from sandbox.api.client import Client"),
        ("tui", "from sandbox.config.loader import load"),
        ("daemon", "from sandbox import cli"),
    ],
)
def test_what_is_objected_to(importer: str, source: str) -> None:
    assert any(objection(importer, imported) for imported in imported_units(source))


@pytest.mark.parametrize("module", modules(PACKAGE / "runtime" / "shim"), ids=lambda path: path.name)
def test_the_shim_uses_the_standard_library_alone(module: Path) -> None:
    """It is exec'd apart, must start in milliseconds, and forks, which a process with gRPC's threads must not."""
    foreign = {
        name
        for name in _imported(ast.parse(module.read_text()))
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("sandbox.runtime.shim")
    }

    assert foreign == set()


@pytest.mark.parametrize("module", modules(HOOK), ids=lambda path: path.name)
def test_the_hook_uses_what_every_interpreter_has_loaded(module: Path) -> None:
    """`_socket` is taken out of `sys.modules` again; `typing` is for the type checker alone."""
    imported = {
        alias.name
        for node in ast.walk(ast.parse(module.read_text(), feature_version=(3, 8)))
        if isinstance(node, ast.Import)
        for alias in node.names
    }

    assert imported <= {"gc", "os", "sys", "_imp", "_signal", "_socket", "typing", "sandbox_zygote"}
