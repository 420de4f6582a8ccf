"""Pure judgements about a machine: what is fine, what will hurt, what won't work, and the fix for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sandbox.cli.doctor.facts import Facts, PortFact
from sandbox.cli.doctor.images import ImageFact
from sandbox.cli.doctor.tool import Tool

MINIMAL_PYTHON = (3, 11)
MINIMAL_WATCHES = 65_536  # one per watched folder, shared with editors and other tools of the user
MINIMAL_INOTIFY_INSTANCES = 128
MINIMAL_FILES = 1_024
ENOUGH_FILES = 4_096
LOW_DISK = 2 * 1024**3
NO_DISK = 256 * 1024**2


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    level: Level
    message: str
    fix: str = ""


def findings(facts: Facts) -> Iterator[Finding]:
    """Everything checked, in the order in which a person would fix it."""
    yield python(facts)
    yield tool("uv", facts.uv, Level.FAIL, "install sandbox again with ./install.sh")
    yield tool(
        "envoy", facts.envoy, Level.FAIL, "install sandbox again, or set SANDBOX_ENVOY to the path of an Envoy binary"
    )
    yield docker(facts)
    if facts.images:
        yield images(facts.images)
    yield from (port(found) for found in facts.ports)
    if facts.inotify is not None:
        yield inotify(*facts.inotify)
    yield files(facts)
    yield disk(facts)
    yield home(facts)
    yield from (leftover(project) for project in facts.leftovers)


def python(facts: Facts) -> Finding:
    version = ".".join(map(str, facts.python))
    if facts.python[:2] < MINIMAL_PYTHON:
        return Finding("python", Level.FAIL, f"{version} is too old", "install Python 3.11 or newer, then ./install.sh")
    return Finding("python", Level.OK, version)


def tool(name: str, found: Tool, missing: Level, fix: str) -> Finding:
    if found.problem:
        return Finding(name, missing, found.problem, fix)
    return Finding(name, Level.OK, found.version)


def docker(facts: Facts) -> Finding:
    """Never a failure: services run as processes where there is no engine. One that was meant to answer is a fault."""
    engine = facts.docker
    if not engine.problem:
        return Finding("docker", Level.OK, f"engine {engine.version} answers; services run as containers")
    if engine.absent:
        return Finding(
            "docker", Level.OK, f"{engine.problem}; services run as processes (for containers: {engine.fix})"
        )
    return Finding("docker", Level.WARN, f"{engine.problem}; services run as processes", engine.fix)


def images(found: Sequence[ImageFact]) -> Finding:
    lacking = [fact for fact in found if fact.problem]
    if lacking:
        names = ", ".join(fact.image for fact in lacking)
        are = "is" if len(lacking) == 1 else "are"
        return Finding(
            "images",
            Level.WARN,
            f"{names} {are} not here and can't be pulled ({lacking[0].problem}); what needs them runs as processes",
            f"docker load or docker pull them, or name others: SANDBOX_IMAGE_{lacking[0].purpose.upper()}=…",
        )
    here = ", ".join(fact.purpose for fact in found if fact.here)
    rest = ", ".join(fact.purpose for fact in found if not fact.here)
    words = [f"here: {here}" if here else "", f"pulled when they are needed: {rest}" if rest else ""]
    return Finding("images", Level.OK, "; ".join(filter(None, words)))


def port(found: PortFact) -> Finding:
    name = f"port {found.number}"
    if found.owner is None:
        return Finding(name, Level.OK, f"free for the {found.purpose}")
    if found.ours:
        return Finding(name, Level.OK, f"in use by {found.owner}")
    return Finding(
        name,
        Level.WARN,
        f"taken by {found.owner}, so the {found.purpose} moves to another one",
        f"stop {found.owner} to get {found.number} back",
    )


def inotify(watches: int, instances: int) -> Finding:
    wanted = {
        "fs.inotify.max_user_watches": (watches, MINIMAL_WATCHES, 524_288),
        "fs.inotify.max_user_instances": (instances, MINIMAL_INOTIFY_INSTANCES, 512),
    }
    low = {key: good for key, (have, least, good) in wanted.items() if have < least}
    if not low:
        return Finding("inotify", Level.OK, f"{watches} watches, {instances} instances")
    settings = " ".join(f"{key}={good}" for key, good in low.items())
    names = " and ".join(f"{key} is {wanted[key][0]}" for key in low)
    return Finding("inotify", Level.WARN, f"{names}: saved files may go unnoticed", f"sudo sysctl {settings}")


def files(facts: Facts) -> Finding:
    soft, hard = facts.open_files
    if soft >= MINIMAL_FILES:
        return Finding("open files", Level.OK, f"up to {soft}")
    fix = f"ulimit -n {min(ENOUGH_FILES, hard)}"
    return Finding("open files", Level.WARN, f"only {soft} allowed: connections may be refused under load", fix)


def disk(facts: Facts) -> Finding:
    free = f"{facts.disk_free / 1024**3:.1f} GB free for {facts.home.path}"
    if facts.disk_free >= LOW_DISK:
        return Finding("disk", Level.OK, free)
    level = Level.FAIL if facts.disk_free < NO_DISK else Level.WARN
    return Finding("disk", level, free, "free some space, or set SANDBOX_HOME to a folder on another disk")


def home(facts: Facts) -> Finding:
    place = facts.home
    if not place.exists:
        return Finding("home", Level.OK, f"{place.path} will be made")
    if not place.owned or not place.writable:
        problem = "belongs to another user" if not place.owned else "can't be written to"
        return Finding("home", Level.FAIL, f"{place.path} {problem}", "set SANDBOX_HOME to a folder that you own")
    if place.mode & 0o077:
        return Finding(
            "home", Level.WARN, f"{place.path} can be read by others (mode {place.mode:o})", f"chmod 700 {place.path}"
        )
    return Finding("home", Level.OK, str(place.path))


def leftover(project: str) -> Finding:
    return Finding(
        "leftovers",
        Level.WARN,
        f"project {project} ended without tidying up",
        f"sandbox down --project {project}",
    )
