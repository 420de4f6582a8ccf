"""Java folders: a Maven project, a jar, or a single source file."""

from __future__ import annotations

import re

from sandbox.errors import RuntimeFailure
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder

FILES = ("Main.java", "App.java", "Server.java")
LOOKED_FOR = ("pom.xml", "a jar", FILES[0])
SOURCES = "src/main/java/"
CLASSPATH = "target/classes:target/dependency/*"
"""Where Maven leaves the classes, and its dependency plugin the libraries, when they are copied."""

_QUARKUS = "target/quarkus-app/quarkus-run.jar"


def detect_java(folder: Folder) -> Detected | None:
    """RuntimeFailure when a Maven project has no class to start, or several."""
    if "pom.xml" in folder.names:
        return _maven(folder)
    jars = sorted(name for name in folder.names if name.endswith(".jar") and "/" not in name)
    if len(jars) == 1:
        return Detected(("java", "-jar", jars[0]), jars[0], "java")
    files = sorted(name for name in folder.names if name.endswith(".java") and "/" not in name)
    usual = [name for name in FILES if name in files]
    if usual or len(files) == 1:
        name = (usual or files)[0]
        return Detected(("java", name), name, "java")
    return None


def _maven(folder: Folder) -> Detected:
    pom = folder.texts.get("pom.xml", "")
    if "<artifactId>quarkus-maven-plugin</artifactId>" in pom:
        return Detected(("java", "-jar", _QUARKUS), "pom.xml", "java")
    return Detected(("java", "-cp", CLASSPATH, _main_class(folder, pom)), "pom.xml", "java")


def _main_class(folder: Folder, pom: str) -> str:
    named = re.search(r"<(mainClass|main\.class|exec\.mainClass|start-class)>\s*([\w.$]+)\s*</\1>", pom)
    if named:
        return named[2]
    found = sorted(
        name.removeprefix(SOURCES).removesuffix(".java").replace("/", ".")
        for name in folder.names
        if name.startswith(SOURCES)
    )
    if len(found) == 1:
        return found[0]
    raise RuntimeFailure(
        f"the Maven project has several classes to start: {', '.join(found[:5])}"
        if found
        else f"the Maven project has no class with a main method below {SOURCES}",
        place=str(folder.path),
        hint=f"say which one, for example: command: java -cp '{CLASSPATH}' {found[0] if found else 'shop.Main'}",
    )
