"""`sandbox config`: the resolved project, a service's Dockerfile, or the schema the file follows."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from pathlib import Path

from sandbox.cli.project import choose, known_projects
from sandbox.cli.target import configuration_files
from sandbox.config.jsonschema import schema
from sandbox.config.loader import load
from sandbox.config.locate import find_project_file
from sandbox.config.render import to_dict, to_yaml
from sandbox.errors import NotFoundError, NotRunningError
from sandbox.paths import sandbox_home


def _elsewhere(options: Namespace) -> list[Path]:
    """The files of the project that other commands would be about, where neither the words nor this folder name any."""
    if options.path is not None or options.files or find_project_file(Path.cwd()) is not None:
        return []
    try:
        return list(choose(known_projects(sandbox_home()), name=options.project, file=None).files)
    except (NotRunningError, NotFoundError):
        return []


def run(options: Namespace) -> int:
    if options.schema:
        print(json.dumps(schema(), indent=2))
        return 0
    running = _elsewhere(options)
    project = load(
        running or configuration_files(options.path, options.files),
        profiles=options.profiles,
        environment=os.environ,
        project=None if running else options.project,
    )
    if options.dockerfile is not None:
        from sandbox.cli.dockerfile import show  # half a second that only this needs

        return show(project, options.dockerfile, os.environ)
    if options.output == "json":
        print(json.dumps(to_dict(project), indent=2))
    else:
        print(to_yaml(project), end="")
    return 0
