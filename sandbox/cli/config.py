"""`sandbox config`: the resolved project, a service's Dockerfile, or the schema the file follows."""

from __future__ import annotations

import json
import os
from argparse import Namespace

from sandbox.cli.target import configuration_files
from sandbox.config.jsonschema import schema
from sandbox.config.loader import load
from sandbox.config.render import to_dict, to_yaml


def run(options: Namespace) -> int:
    if options.schema:
        print(json.dumps(schema(), indent=2))
        return 0
    project = load(
        configuration_files(options.path, options.files),
        profiles=options.profiles,
        environment=os.environ,
        project=options.project,
    )
    if options.dockerfile is not None:
        from sandbox.cli.dockerfile import show  # half a second that only this needs

        return show(project, options.dockerfile, os.environ)
    if options.output == "json":
        print(json.dumps(to_dict(project), indent=2))
    else:
        print(to_yaml(project), end="")
    return 0
