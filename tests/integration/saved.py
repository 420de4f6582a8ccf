"""A project of one service that is saved again and again, by processes or in containers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.integration.harness import Sandbox, eventually, free_port, instances
from tests.integration.load import code


class Saved:
    """Its only service is `web`, which answers with the number of what was saved last."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.folder = sandbox.home / "saved"
        self.app = self.folder / "web" / "app.py"
        self.app.parent.mkdir(parents=True)
        self.save(0)

    def save(self, number: int) -> None:
        self.app.write_text(code(number))

    def up(self, **keys: Any) -> str:
        """The gateway."""
        web = {"build": "./web", "ports": ["8000"], "public": True, "healthcheck": {"interval": "200ms"}, **keys}
        ports = {"gateway": {"port": free_port()}, "ui": {"port": free_port()}}
        document = {"name": "saved", **ports, "telemetry": {"otlp": {"port": free_port()}}, "services": {"web": web}}
        (self.folder / "sandbox.yaml").write_text(yaml.safe_dump(document))
        self.sandbox.up(self.folder)
        return str(self.ps()["gateway"])

    def ps(self) -> dict[str, Any]:
        return self.sandbox.ps(self.folder)

    @property
    def instances(self) -> list[dict[str, Any]]:
        return instances(self.ps(), "web")

    @property
    def statuses(self) -> list[str]:
        return [one["status"] for one in self.instances]

    @property
    def logs(self) -> Path:
        (project,) = (self.sandbox.state / "projects").iterdir()
        return project / "logs"


async def until(look: Callable[[], object]) -> None:
    """While the load goes on."""
    await asyncio.to_thread(eventually, look)
