"""A real builder of a project of its own, and looks at what it made: by running it, and by reading every layer."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.model import Build, Healthcheck, NoProbe, Version
from sandbox.runtime.base import Workload
from sandbox.runtime.docker.builds import Builder, Built, names
from sandbox.runtime.docker.engine import Engine
from tests.docker_engine import RealEngine

PROJECT = f"builds-{secrets.token_hex(3)}"
"""One for each run of the tests, since two may use one engine."""


def workload(
    folder: Path | None,
    *,
    service: str = "orders",
    version: str = "v1",
    image: str | None = None,
    command: tuple[str, ...] | None = None,
    dockerfile: str | None = None,
    target: str | None = None,
    args: Mapping[str, str] | None = None,
    pull_policy: str = "missing",
) -> Workload:
    build = None
    if folder is not None:
        build = Build(context=folder, dockerfile=dockerfile, target=target, args=args or {})
    made = Version(
        name=version,
        build=build,
        image=image,
        command=command,
        pull_policy=pull_policy,
        healthcheck=Healthcheck(probe=NoProbe()),
    )
    return Workload(service=service, version=made, ports=(), runtime="docker")


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@dataclass
class Kitchen:
    real: RealEngine
    engine: Engine
    builder: Builder
    said: list[str] = field(default_factory=list)

    async def prepare(self, wanted: Workload) -> Built:
        return await self.builder.prepare(wanted, self.said.append)

    def run(self, built: Built, *argv: str, environment: Mapping[str, str] | None = None) -> str:
        """What the image's command, or another, prints."""
        with self.running(built, *argv, environment=environment) as container:
            self.real.api.wait(container, timeout=30)
            return str(self.real.api.logs(container).decode())

    @contextmanager
    def running(self, built: Built, *argv: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
        command = list(argv or built.argv) or None
        made = self.real.api.create_container(built.image, command, environment=dict(environment or {}))
        try:
            self.real.api.start(made["Id"])
            yield made["Id"]
        finally:
            self.real.api.remove_container(made["Id"], force=True)

    def address(self, container: str) -> str:
        networks = self.real.api.inspect_container(container)["NetworkSettings"]["Networks"]
        return str(networks["bridge"]["IPAddress"])

    def images(self, **labels: str) -> list[dict[str, object]]:
        """Every image of the project, also what only carries others."""
        found: list[dict[str, object]] = self.real.api.images(all=True, filters=names.filters(PROJECT, **labels))
        return found

    def tags(self, kind: str) -> set[str]:
        found = self.real.api.images(filters=names.filters(PROJECT, **{names.KIND: kind}))
        return {tag for image in found for tag in image["RepoTags"] or ()}

    def told_by(self, image: str) -> str:
        """All that an image tells whoever gets it: its history, its configuration, and every file's name and text."""
        data = b"".join(self.real.api.get_image(image))
        found = [json.dumps(self.real.api.history(image))]
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is None:
                    continue
                raw = content.read()
                found.append(raw.decode("latin-1"))
        return "\n".join(found)
