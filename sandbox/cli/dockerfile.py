"""`sandbox config --dockerfile SERVICE`: what a service's image is built by. It needs no engine."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from sandbox.errors import NotFoundError, RuntimeFailure, UsageError
from sandbox.model import Project, Version
from sandbox.runtime.docker.builds.dockerfile import whole
from sandbox.runtime.docker.builds.generate import generate, own_dockerfile
from sandbox.runtime.docker.images import image_for


def show(project: Project, wanted: str, environ: Mapping[str, str]) -> int:
    """`wanted` is SERVICE or SERVICE@VERSION. UsageError when it names nothing that is built; RuntimeFailure when its
    folder can't be understood."""
    version = _named(project, wanted)
    build = version.build
    if build is None:
        raise UsageError(
            f"nothing is built: it runs the image {version.image}", place=wanted, hint="give the service a build:"
        )
    if (own := own_dockerfile(build)) is not None:
        path = build.context / own
        try:
            print(path.read_text(), end="")
        except (OSError, UnicodeDecodeError) as error:
            raise RuntimeFailure(f"can't be read: {error}", place=str(path)) from None
        print(f"note: this is the service's own, {path}", file=sys.stderr)
        return 0
    images = project.settings.docker.images
    made = generate(build, version.command, lambda purpose: image_for(purpose, images, environ))
    print(whole(made.recipe, made.origin), end="")
    return 0


def _named(project: Project, wanted: str) -> Version:
    name, at, version = wanted.partition("@")
    service = project.services.get(name)
    if service is None:
        known = ", ".join(project.services)
        raise NotFoundError("there is no such service", place=name, hint=f"services: {known}")
    if at:
        try:
            return service.version(version)
        except KeyError:
            pass
    elif len(service.versions) == 1:
        return service.versions[0]
    what = "there is no such version" if at else "it has several versions"
    choices = " or ".join(f"{name}@{version.name}" for version in service.versions)
    raise NotFoundError(what, place=wanted, hint=f"say --dockerfile {choices}")
