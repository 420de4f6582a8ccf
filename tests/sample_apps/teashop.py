"""The services of polyglot as plain processes, wired like the bakery's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.shipped import SAMPLE_APPS, shipped
from tests.sample_apps.street import Service, Switchboard, started, switchboard

POLYGLOT = Path(str(shipped(SAMPLE_APPS))) / "polyglot"
TOOLCHAINS = ("node", "go", "java", "javac")
Programs = Mapping[str, tuple[str, ...]]


def missing() -> list[str]:
    return [tool for tool in TOOLCHAINS if shutil.which(tool) is None]


def build(out: Path) -> Programs:
    """What starts each service, by folder. The compiled ones are made in `out`."""
    for folder in ("cart", "prices-v2"):
        subprocess.run(["go", "build", "-o", out / folder, "."], cwd=POLYGLOT / folder, check=True)
    sources = sorted((POLYGLOT / "depot").rglob("*.java"))
    subprocess.run(["javac", "--release", "17", "-d", out / "depot", *sources], check=True)
    return {
        "storefront": ("node", "server.js"),
        "cart": (str(out / "cart"),),
        "prices": ("java", "Prices.java"),
        "prices-v2": (str(out / "prices-v2"),),
        "stock": (sys.executable, "app.py"),
        "depot": ("java", "-cp", str(out / "depot"), "shop.Depot"),
    }


@dataclass(frozen=True, slots=True)
class Teashop:
    services: dict[str, Service]
    board: Switchboard

    def quote(self, tea: str = "sencha", **headers: str) -> tuple[int, Any]:
        return self.services["storefront"].ask(f"/api/quote?tea={tea}", **headers)

    def good_quote(self, tea: str = "sencha", **headers: str) -> Any:
        """Asks again when the clerk is on the ladder, as a person would."""
        for _ in range(2):
            status, story = self.quote(tea, **headers)
            if status == 200:
                return story
        raise AssertionError(story)

    def await_the_clerk(self) -> None:
        """The next three quotes arrive."""
        while self.quote()[0] == 200:
            pass


def declared() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((POLYGLOT / "sandbox.yaml").read_text())["services"]
    return found


@contextmanager
def open_teashop(programs: Programs, logs: Path) -> Iterator[Teashop]:
    """All services and versions of sandbox.yaml, wired along its `depends_on`."""
    with ExitStack() as stack:
        board = stack.enter_context(switchboard())
        services: dict[str, Service] = {}
        for name, keys in reversed(declared().items()):
            callees = {f"{callee.upper()}_URL": board.edge(name, callee) for callee in keys.get("depends_on", [])}
            for version, variant in keys.get("versions", {"v1": keys}).items():
                who = name if version == "v1" else f"{name} {version}"
                me = {"SANDBOX_SERVICE": name, "SANDBOX_VERSION": version, "SANDBOX_INSTANCE": f"{name}-{version}-1"}
                folder = POLYGLOT / variant["build"]
                service = started(programs[folder.name], folder, logs / f"{who}.log", **callees, **me)
                services[who] = stack.enter_context(service)
                board.ports[who] = services[who].port
        yield Teashop(services, board)
