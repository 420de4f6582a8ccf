"""A commented sandbox.yaml for a folder, from what is found in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from sandbox.config.locate import FILE_NAMES
from sandbox.config.names import near_project_name
from sandbox.config.survey import MAX_SERVICES, Found, survey
from sandbox.errors import SandboxError

_FRONT = re.compile(r"front|web|store|shop|ui|site|portal|edge|gateway|api")

_HEAD = """\
# What runs, for `sandbox up`. The names are Compose's wherever Compose has one.
# Written by `sandbox init` from what lies in this folder: look through it and correct what it guessed.
"""

_TRAFFIC = """
# How requests travel, by the service they are going to. To try it, take "# " away, the space too:
#
# traffic:
#   {name}:
#     rules:
#       - timeouts: {{request: 2s}}                 # nobody waits longer
#         retry: {{attempts: 2, codes: [502, 503]}}  # and a stumble is tried again
"""


def scaffold(folder: Path) -> str:
    """The text of a sandbox.yaml that loads. SandboxError when nothing in the folder looks like a service."""
    services = survey(folder)
    if not services:
        raise SandboxError(
            "nothing here looks like a service",
            place=str(folder),
            hint="put each service into a folder of its own, or try a sample first: sandbox up hello",
        )
    front = _front(services)
    ordered = [front, *(service for service in services if service is not front)]
    blocks = [_service(service, is_front=service is front) for service in ordered]
    name = near_project_name(folder.resolve().name) or "app"
    example = _TRAFFIC.format(name=ordered[-1].name)
    return f"{_HEAD}{_notes(folder, services)}name: {name}\n\nservices:\n{_laid_out(blocks)}{example}"


def _notes(folder: Path, services: list[Found]) -> str:
    notes = []
    compose = next((name for name in FILE_NAMES[2:] if (folder / name).is_file()), None)
    if compose:
        notes.append(
            f"# There is a {compose} here too. `sandbox` takes this file instead of it; nothing was copied over.\n"
        )
    if len(services) == MAX_SERVICES:
        notes.append(f"# Only the first {MAX_SERVICES} services are listed.\n")
    return "".join(notes)


def _front(services: list[Found]) -> Found:
    """The one to open to the outside: one that nobody calls, with a name that sounds like it."""
    called = {callee for service in services for callee in service.calls}
    return min(services, key=lambda service: (service.name in called, _FRONT.search(service.name) is None))


Line = tuple[str, str]
"""A line of YAML and the comment after it."""


def _service(service: Found, *, is_front: bool) -> list[Line]:
    lines = [(f"  {service.name}:", ""), *_builds(service)]
    if service.container_only:
        lines.append(("    # only a Dockerfile was found: this needs the docker runtime, or a command:", ""))
    if is_front:
        lines.append(("    public: true", "open to you; the others can only be reached from inside"))
    protocol = "/grpc" if service.grpc else ""
    lines.append(
        (f'    ports: ["{service.port or 8000}{protocol}"]', "what others call it on; PORT says where to listen")
    )
    if service.calls:
        lines.append((f"    depends_on: [{', '.join(service.calls)}]", "whom it calls; each is found in <NAME>_URL"))
    if service.health and not service.grpc:
        lines.append((f"    healthcheck: {{http: {service.health}}}", "it takes traffic only while this answers"))
    return lines


def _builds(service: Found) -> list[Line]:
    own = f"build: {_scalar('./' + service.path if service.path else '.')}"
    if not service.variants:
        return [(f"    {own}", "the folder with the code")]
    others = [(f"      {name}: {{build: {_scalar('./' + path)}}}", "") for name, path in service.variants]
    return [("    versions:", "they run side by side"), (f"      v1: {{{own}}}", ""), *others]


def _laid_out(blocks: list[list[Line]]) -> str:
    """Comments in one column, and each of them only once."""
    width = max((len(text) for block in blocks for text, comment in block if comment), default=0)
    said: set[str] = set()
    lines = []
    for block in blocks:
        for text, comment in block:
            lines.append(f"{text:<{width}}  # {comment}" if comment and comment not in said else text)
            said.add(comment)
        lines.append("")
    return "\n".join(lines)


def _scalar(path: str) -> str:
    """A path as YAML, quoted where it has to be, with its dollar signs kept."""
    escaped = path.replace("$", "$$")
    return escaped if re.fullmatch(r"[A-Za-z0-9._/-]+", escaped) else json.dumps(escaped, ensure_ascii=False)
