"""What `sandbox config` prints is a sandbox.yaml of the same project."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sandbox.config.containerfields import CAPABILITIES, FORGERS, SIGNALS, normal
from sandbox.config.durations import LONGEST
from sandbox.config.jsonschema import schema
from sandbox.config.loader import load
from sandbox.config.names import LABEL, VOLUME
from sandbox.config.render import to_dict, to_yaml
from sandbox.model import (
    AppProtocol,
    Build,
    CalleeRef,
    CommandProbe,
    Condition,
    Dependency,
    DockerSettings,
    Healthcheck,
    HttpProbe,
    Limits,
    MeshSettings,
    Mount,
    MountKind,
    NoProbe,
    Port,
    Probe,
    Project,
    ReloadSettings,
    RestartPolicy,
    Service,
    Settings,
    TcpProbe,
    Template,
    Version,
    Volume,
    WatchRule,
)
from sandbox.shipped import SAMPLE_APPS, shipped
from tests.config.conftest import Folder
from tests.strategies.traffic import policies

SCHEMA = jsonschema.Draft202012Validator(schema())


def reloaded(project: Project, file: Path) -> Project:
    """The project of its own rendering, but for the names of the files."""
    rendered = to_dict(project)
    SCHEMA.validate(rendered)
    assert json.loads(json.dumps(rendered)) == rendered
    file.write_text(to_yaml(project), encoding="utf-8")
    return replace(load([file], environment={}), files=project.files)


def test_the_bakery(tmp_path: Path) -> None:
    project = load([shipped(SAMPLE_APPS) / "bakery" / "sandbox.yaml"], environment={})

    again = reloaded(project, tmp_path / "sandbox.yaml")

    assert again == replace(project, root=tmp_path)


def test_dollars_and_addresses(folder: Folder) -> None:
    text = "services: {a: {build: ./a, environment: {X: 'a $$5 ${services.b.url}'}}, b: {build: ./b, ports: [80]}}"

    rendered = to_dict(folder.load(text))

    assert rendered["services"]["a"]["environment"] == {"X": "a $$5 ${services.b.url}"}


# --- any project ----------------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c")
VOLUME_KEYS = ("rows", "Cache.1")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
WORD = st.text(st.characters(exclude_categories=["Cs", "Z"], exclude_characters="\0"), min_size=1, max_size=8).filter(
    lambda text: bool(text.strip())
)
SECONDS = st.integers(1, int(LONGEST * 1e6)).map(lambda number: number / 1e6)
RELOADS = st.builds(ReloadSettings, watch=st.booleans(), warm=st.booleans(), drain=SECONDS | st.just(0.0))
VARIABLE = st.from_regex(r"[A-Z_]{1,6}[a-z]", fullmatch=True)
VERSIONS = st.lists(st.from_regex(LABEL, fullmatch=True), min_size=1, max_size=3, unique=True)


def template(callees: list[str]) -> st.SearchStrategy[Template]:
    """As interpolation makes them: no empty texts, and no two side by side."""
    plain = TEXT.map(lambda text: Template((text,)))
    if not callees:
        return plain
    ref = st.builds(CalleeRef, service=st.sampled_from(callees), attribute=st.sampled_from(["url", "host", "port"]))
    return plain | st.builds(lambda before, one, other: Template((before, one, other)), WORD, ref, ref)


def probes(ports: tuple[Port, ...]) -> st.SearchStrategy[Probe]:
    choices: list[st.SearchStrategy[Probe]] = [
        st.just(NoProbe()),
        st.builds(CommandProbe, argv=st.lists(WORD, min_size=1, max_size=3).map(tuple)),
    ]
    if ports:
        choices.append(st.just(TcpProbe()))
    if ports and ports[0].protocol is AppProtocol.HTTP:
        choices.append(st.builds(HttpProbe, path=st.from_regex(r"/[!-~]{0,8}", fullmatch=True)))
    return st.one_of(choices)


TARGETS = st.from_regex(r"(/[!-9;-~]{1,6}){1,2}", fullmatch=True).filter(lambda path: normal(path) == path != "/")


@st.composite
def mounts(draw: st.DrawFn, root: Path) -> tuple[Mount, ...]:
    """One at a place."""
    found: list[Mount] = []
    for target in draw(st.lists(TARGETS, max_size=3, unique=True)):
        read_only = draw(st.booleans())
        bind = st.builds(
            Mount,
            kind=st.just(MountKind.BIND),
            source=st.just(str(root / "a")),
            target=st.just(target),
            read_only=st.just(read_only),
            create=st.booleans(),
            selinux=st.sampled_from([None, "z", "Z"]),
        )
        volume = st.builds(
            Mount,
            kind=st.just(MountKind.VOLUME),
            source=st.sampled_from([None, *VOLUME_KEYS]),
            target=st.just(target),
            read_only=st.just(read_only),
            nocopy=st.booleans(),
        )
        tmpfs = st.builds(
            Mount,
            kind=st.just(MountKind.TMPFS),
            source=st.none(),
            target=st.just(target),
            read_only=st.just(read_only),
            size=st.none() | st.integers(1, 2**40),
            mode=st.none() | st.integers(0, 0o7777),
        )
        found.append(draw(bind | volume | tmpfs))
    return tuple(found)


@st.composite
def versions(draw: st.DrawFn, root: Path, name: str, ports: tuple[Port, ...], callees: list[str]) -> Version:
    image = draw(st.none() | WORD)
    args = st.dictionaries(VARIABLE, TEXT, max_size=2)
    check = st.builds(
        Healthcheck,
        probe=probes(ports),
        interval=SECONDS,
        timeout=SECONDS,
        retries=st.integers(1, 9),
        start_period=SECONDS | st.just(0.0),
    )
    action = draw(st.sampled_from(["restart", "rebuild", "sync", "sync+restart", "sync+exec"]))
    words = st.lists(WORD, min_size=1, max_size=2).map(tuple)
    watch = st.builds(
        WatchRule,
        path=st.just(root / "a"),
        action=st.just(action),
        target=WORD,
        ignore=words | st.just(()),
        include=words | st.just(()),
        command=words if action == "sync+exec" else st.none(),
        initial_sync=st.booleans(),
    )
    limits = st.builds(
        Limits,
        memory=st.none() | st.integers(1, 2**40),
        cpus=st.none() | st.floats(0.01, 64),
        pids=st.none() | st.integers(1, 2**22),
    )
    return Version(
        name=name,
        build=None
        if image
        else Build(context=root / draw(st.sampled_from(NAMES)), target=draw(st.none() | WORD), args=draw(args)),
        image=image,
        command=draw(st.none() | st.lists(WORD, min_size=1, max_size=3).map(tuple)),
        environment=draw(st.dictionaries(VARIABLE, template(callees), max_size=3)),
        healthcheck=draw(check),
        replicas=draw(st.integers(0, 100)),
        limits=draw(limits),
        restart=draw(st.sampled_from(RestartPolicy)),
        stop_grace_period=draw(SECONDS),
        watch=draw(st.lists(watch, max_size=1).map(tuple)),
        reload=draw(RELOADS),
        entrypoint=draw(st.none() | st.lists(TEXT, max_size=3).map(tuple)),
        user=draw(st.sampled_from([None, "root", "1000", "0:0"])),
        working_dir=draw(st.none() | st.just("/") | TARGETS),
        stop_signal=draw(st.none() | st.sampled_from(sorted(SIGNALS)).map(lambda name: f"SIG{name}")),
        mounts=draw(mounts(root)),
        labels=draw(st.dictionaries(VARIABLE, TEXT, max_size=2)),
        pull_policy=draw(st.sampled_from(["always", "missing", "never"])),
        read_only=draw(st.booleans()),
        cap_add=draw(st.lists(st.sampled_from(sorted(CAPABILITIES - FORGERS)), max_size=2, unique=True).map(tuple)),
        hardened=draw(st.booleans()),
    )


@st.composite
def services(draw: st.DrawFn, root: Path, index: int, callees: list[str]) -> Service:
    """A service that may call those before it, each of which has a port."""
    numbers = draw(st.lists(st.integers(1, 65535), min_size=1, max_size=3, unique=True))
    ports = tuple(Port(number=number, protocol=draw(st.sampled_from(AppProtocol))) for number in numbers)
    ports += (
        (Port(number=0x10000 - index - 1, published=1000 + index),)
        if not set(numbers) & set(range(65530, 65536))
        else ()
    )
    names = draw(VERSIONS.map(lambda found: [name for name in found if "-" not in name] or ["v1"]))
    found = tuple(draw(versions(root, name, ports, callees)) for name in names)
    called = dict.fromkeys(
        callee for version in found for value in version.environment.values() for callee in value.callees
    )
    declared = draw(st.lists(st.sampled_from(callees), unique=True)) if callees else []
    condition = st.sampled_from(Condition)
    return Service(
        name=NAMES[index],
        versions=found,
        ports=ports,
        public=any(port.protocol is not AppProtocol.TCP for port in ports) and draw(st.booleans()),
        depends_on=tuple(
            Dependency(service=name, condition=draw(condition)) for name in dict.fromkeys([*declared, *called])
        ),
    )


@st.composite
def projects(draw: st.DrawFn, root: Path) -> Project:
    found: dict[str, Service] = {}
    for index in range(draw(st.integers(1, len(NAMES)))):
        found[NAMES[index]] = draw(services(root, index, list(found)))
    steered = [one for one in found.values() if any(port.protocol is not AppProtocol.TCP for port in one.ports)]
    traffic = {
        one.name: draw(policies([version.name for version in one.versions], list(found)))
        for one in steered
        if draw(st.booleans())
    }
    ports = draw(st.lists(st.integers(1, 65535), min_size=3, max_size=3, unique=True))
    volume = st.builds(Volume, name=st.from_regex(VOLUME, fullmatch=True), external=st.booleans()) | st.just(Volume())
    return Project(
        name=draw(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)),
        root=root,
        files=(),
        services=found,
        traffic=traffic,
        mesh=draw(st.builds(MeshSettings, egress=st.booleans())),
        volumes={key: draw(volume) for key in VOLUME_KEYS},
        settings=Settings(
            runtime=draw(st.sampled_from(["auto", "process", "docker"])),
            gateway_port=ports[0],
            ui_port=ports[1],
            otlp_port=ports[2],
            stats_interval=draw(SECONDS),
            log_max_bytes=draw(st.integers(1, 2**40)),
            reload=draw(RELOADS),
            docker=DockerSettings(
                proxy=draw(st.sampled_from(["auto", "host", "container"])),
                address_pools=draw(st.sampled_from([(), ("10.20.0.0/16", "172.16.0.0/12")])),
                images=draw(st.dictionaries(st.sampled_from(["python", "envoy"]), WORD)),
            ),
        ),
    )


# Shrinking a whole project takes minutes; the difference of the two tells enough.
@settings(phases=[Phase.reuse, Phase.generate], max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_any_project_comes_back_the_same(folder: Folder, data: st.DataObject) -> None:
    project = data.draw(projects(folder.root))

    assert reloaded(project, folder.root / "sandbox.yaml") == project


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_a_services_own_runtime(folder: Folder, runtime: str) -> None:
    project = folder.load(f"services: {{a: {{build: ./a, runtime: {runtime}}}}}")

    assert reloaded(project, folder.root / "again.yaml") == project


@pytest.mark.parametrize("profile", ["lite", "standard"])
def test_the_profile_is_in_what_is_rendered(folder: Folder, profile: str) -> None:
    project = folder.load("services: {a: {build: ./a}}", profiles=[profile])

    assert reloaded(project, folder.root / "again.yaml") == project
