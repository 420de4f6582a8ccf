"""Java images: a Maven project is packaged with its libraries beside it; jars and single files run as they are."""

from __future__ import annotations

from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder
from sandbox.runtime.buildpack.maven import PACKAGE
from sandbox.runtime.docker.builds.dockerfile import EVERYTHING, HOME, Recipe, Stage, home, run

SETTINGS = "MAVEN_SETTINGS"
"""Names the settings.xml that Maven is to use."""

_REPOSITORY = "/opt/maven"
_MAVEN = f'mvn -B -ntp ${{{SETTINGS}:+-s "${SETTINGS}"}} -Dmaven.repo.local={_REPOSITORY} -Dmaven.test.skip=true'
_PACKAGE = f"{_MAVEN} {' '.join(PACKAGE)}"
_FORGET = f"find {_REPOSITORY} '(' -name '*.lastUpdated' -o -name 'resolver-status.properties' ')' -delete"
"""Where Maven writes down which mirrors it asked."""


def recipe(folder: Folder, detected: Detected, image: str) -> Recipe:
    if "pom.xml" not in folder.names:
        return Recipe(base=image, argv=detected.argv, setup=home())
    manifests = EVERYTHING if "<modules>" in folder.texts["pom.xml"] else ("pom.xml",)
    before = (f"WORKDIR {HOME}",)
    install = run(f"{_MAVEN} dependency:resolve", f"({_PACKAGE} || true)", _FORGET)
    dependencies = Stage(
        name="dependencies",
        base=image,
        # Without a source it makes an empty jar, and needs the same plugins and libraries; some plugins mind.
        lines=(*before, f"COPY {manifests[0]} ./", install),
        leaves=(_REPOSITORY,),
    )
    build = Stage(
        name="build",
        base="dependencies",
        lines=(*before, "COPY . .", run(_PACKAGE, "mkdir -p target")),
        leaves=(f"{HOME}/target",),
    )
    return Recipe(
        base=image, argv=detected.argv, setup=home(), dependencies=dependencies, manifests=manifests, build=build
    )
