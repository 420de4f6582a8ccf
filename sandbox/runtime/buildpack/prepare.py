"""The pipeline: folder → command → packages → artifact."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.autotrace import LIBRARIES, AutoTrace
from sandbox.runtime.base import Artifact, Output, Workload
from sandbox.runtime.buildpack.detect import detect
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder, read_folder
from sandbox.runtime.buildpack.go import GoPrograms
from sandbox.runtime.buildpack.maven import MavenProjects
from sandbox.runtime.buildpack.node import NodePackages
from sandbox.runtime.buildpack.python import PythonEnvironments
from sandbox.runtime.buildpack.toolchain import HINTS, find_program
from sandbox.runtime.environment import base_environment


class Buildpack:
    """`host` is the user's environment."""

    def __init__(self, paths: ProjectPaths, host: Mapping[str, str]) -> None:
        self._host = base_environment(host)
        self._python = PythonEnvironments(paths, host)
        self._node = NodePackages(paths, self._host)
        self._go = GoPrograms(paths, self._host)
        self._maven = MavenProjects(paths, self._host)
        self._autotrace = AutoTrace(paths, host)

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        """RuntimeFailure with a reason and a next step when the folder can't be made ready."""
        build = workload.version.build
        if build is None:
            raise RuntimeFailure(
                f"the image {workload.version.image} needs the Docker runtime",
                place=workload.service,
                hint="give the service a folder with build:, or start Docker and use --runtime docker",
            )
        folder = read_folder(build.context)
        detected = detect(folder, workload.version.command)
        if workload.version.command is None:
            output(f"{' '.join(detected.argv)} (from {detected.origin})")
        environment = await self._packages(workload.service, folder, detected, output)
        if workload.auto and detected.language == "python":
            environment |= await self._autotrace.environment(workload.service, output)
        argv, source = await self._compiled(workload.service, folder, detected, output)
        return Artifact(
            fingerprint=_fingerprint(argv, folder.path, environment, source),
            argv=argv,
            cwd=folder.path,
            environment=environment,
            origin=detected.origin,
        )

    async def _packages(self, service: str, folder: Folder, detected: Detected, output: Output) -> dict[str, str]:
        bins: list[Path] = []
        environment: dict[str, str] = {}
        if detected.language in ("python", "static"):
            place = await self._python.prepare(service, folder, output)
            bins.append(place / "bin")
            environment |= {"VIRTUAL_ENV": str(place), "PYTHONUNBUFFERED": "1"}
        if "package.json" in folder.names or detected.language == "node":
            await self._node.prepare(service, folder, output)
            bins.append(folder.path / "node_modules" / ".bin")
        if detected.argv[0] in HINTS:
            find_program(detected.argv[0], self._host, service)
        return environment | {"PATH": os.pathsep.join([*map(str, bins), self._host["PATH"]])}

    async def _compiled(
        self, service: str, folder: Folder, detected: Detected, output: Output
    ) -> tuple[tuple[str, ...], str]:
        """The command for what is compiled, and what tells one program from another where the command does not."""
        if detected.language == "go":
            return await self._go.prepare(service, folder, detected.argv, output), ""
        if detected.language == "java" and "pom.xml" in folder.names:
            return detected.argv, await self._maven.prepare(service, folder, output)
        return detected.argv, ""


def _fingerprint(argv: tuple[str, ...], folder: Path, environment: Mapping[str, str], source: str) -> str:
    told = repr((argv, str(folder), environment.get("VIRTUAL_ENV"), environment.get(LIBRARIES), source))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
