"""The pipeline: folder → command → environment → artifact."""

from __future__ import annotations

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Artifact, Output, Workload


class Buildpack:
    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        version = workload.version
        if version.build is None:
            raise RuntimeFailure(
                "an image needs the Docker runtime",
                place=workload.service,
                hint="give it a folder with build:, or run with --runtime docker",
            )
        argv = version.command or ("python3", "app.py")
        return Artifact(fingerprint=repr(argv), argv=argv, cwd=version.build.context)
