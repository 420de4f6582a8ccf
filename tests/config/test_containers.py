"""What only containers have: from Compose's words to the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.config.addresspools import RANGES, SMALLEST
from sandbox.config.containerfields import FORGERS, RESERVED_LABELS
from sandbox.config.schema import ImagesSpec
from sandbox.model import (
    DockerSettings,
    Limits,
    Mount,
    MountKind,
    Port,
    Version,
    Volume,
    container_only,
)
from sandbox.runtime.docker import addressing, hardening, images, labels
from tests.config.conftest import Folder


def version(folder: Folder, keys: str, environment: dict[str, str] | None = None) -> Version:
    """That of the service `a` of ./a, with the volume `rows` there to be mounted."""
    text = f"services: {{a: {{build: ./a, {keys}}}}}\nvolumes: {{rows: }}"
    return folder.load(text, environment=environment).services["a"].versions[0]


def bind(source: Path, target: str, *, create: bool = True) -> Mount:
    return Mount(kind=MountKind.BIND, source=str(source), target=target, create=create)


@pytest.mark.parametrize(
    ("written", "entrypoint"),
    [
        ("/bin/store --fast 'a b'", ("/bin/store", "--fast", "a b")),
        ("a && b", ("a", "&&", "b")),
        ("[run, 1.10, true]", ("run", "1.10", "true")),
        ('""', ()),
        ("[]", ()),
        ("", None),
        ("run $$PORT", ("run", "$PORT")),
    ],
)
def test_an_entrypoint_is_words_without_a_shell(
    folder: Folder, written: str, entrypoint: tuple[str, ...] | None
) -> None:
    assert version(folder, f"entrypoint: {written}").entrypoint == entrypoint


def test_who_where_and_how_it_runs(folder: Folder) -> None:
    found = version(
        folder,
        "user: 1000:1000, working_dir: /srv//x/../y/, stop_signal: int, read_only: true, hardened: false, init: true,"
        "privileged: false, cap_add: [sys_ptrace, CAP_CHOWN, SYS_PTRACE], pull_policy: if_not_present",
    )

    assert (found.user, found.working_dir, found.stop_signal) == ("1000:1000", "/srv/y", "SIGINT")
    assert (found.read_only, found.hardened, found.cap_add) == (True, False, ("SYS_PTRACE", "CHOWN"))
    assert found.pull_policy == "missing"


def test_what_is_not_said_is_the_images_or_hardened(folder: Folder) -> None:
    found = version(folder, "ports: [80]")

    assert (found.entrypoint, found.user, found.working_dir, found.stop_signal) == (None, None, None, None)
    assert (found.mounts, found.labels, found.cap_add, found.pull_policy) == ((), {}, (), "missing")
    assert (found.read_only, found.hardened) == (False, True)


@pytest.mark.parametrize(("written", "user"), [("root", "root"), ("1000", "1000"), ('"0:0"', "0:0"), ("$ME", "me")])
def test_users(folder: Folder, written: str, user: str) -> None:
    assert version(folder, f"user: {written}", {"ME": "me"}).user == user


@pytest.mark.parametrize(
    ("written", "signal"),
    [("SIGQUIT", "SIGQUIT"), ("usr1", "SIGUSR1"), ("2", "2"), ("SIGRTMIN+3", "SIGRTMIN+3"), ("'15'", "15")],
)
def test_stop_signals(folder: Folder, written: str, signal: str) -> None:
    assert version(folder, f"stop_signal: {written}").stop_signal == signal


@pytest.mark.parametrize("written", ["{x.y: 1, z: }", "[x.y=1, z]", "[x.y=1, z=]"])
def test_labels_in_both_forms(folder: Folder, written: str) -> None:
    assert version(folder, f"labels: {written}").labels == {"x.y": "1", "z": ""}


def test_mounts_in_both_forms(folder: Folder) -> None:
    mounts = version(
        folder,
        """
        volumes: [./data:/data, rows:/rows:ro, /cache, {type: bind, source: ./a, target: /code, bind: {selinux: z}},
                  {type: volume, source: rows, target: /old, volume: {nocopy: true}},
                  {type: tmpfs, target: /t, tmpfs: {size: 64M, mode: 0755}}],
        tmpfs: "/run:size=1M"
        """,
    ).mounts

    assert mounts == (
        bind(folder.root / "data", "/data"),
        Mount(kind=MountKind.VOLUME, source="rows", target="/rows", read_only=True),
        Mount(kind=MountKind.VOLUME, source=None, target="/cache"),
        replace(bind(folder.root / "a", "/code"), selinux="z"),
        Mount(kind=MountKind.VOLUME, source="rows", target="/old", nocopy=True),
        Mount(kind=MountKind.TMPFS, source=None, target="/t", size=64 << 20, mode=0o755),
        Mount(kind=MountKind.TMPFS, source=None, target="/run", size=1 << 20),
    )


def test_paths_begin_at_the_first_file_or_at_home(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.root))

    mounts = version(folder, "volumes: ['.:/x', '~/b:/y', '${WHERE}:/z']", {"WHERE": "./c"}).mounts

    assert [mount.source for mount in mounts] == [str(folder.root), str(folder.root / "b"), str(folder.root / "c")]


@pytest.mark.parametrize(
    ("source", "create"),
    [("./new", True), ("./conf.d", True), ("./new.x/", True), ("./a", True)],
)
def test_a_missing_folder_is_to_be_created(folder: Folder, source: str, create: bool) -> None:
    assert version(folder, f"volumes: ['{source}:/x']").mounts[0].create is create
    assert not (folder.root / "new").exists()


def test_a_file_is_mounted_and_never_created_as_a_folder(folder: Folder) -> None:
    (folder.root / "my.conf").touch()

    assert version(folder, "volumes: [./my.conf:/x]").mounts == (bind(folder.root / "my.conf", "/x", create=False),)


def test_creating_can_be_chosen_whatever_the_name(folder: Folder) -> None:
    keys = "volumes: [{type: bind, source: ./my.data, target: /x, bind: {create_host_path: true}}]"

    assert version(folder, keys).mounts[0].create


def test_a_link_does_not_hide_the_engines_socket(folder: Folder) -> None:
    (folder.root / "link").symlink_to("/")

    [problem] = folder.problems("services: {a: {build: ./a, volumes: ['./link:/x']}}")

    assert problem.startswith("1:38 / holds the engine's socket")


def test_a_version_replaces_mounts_and_adds_labels(folder: Folder) -> None:
    text = """
    services:
      a:
        build: ./a
        volumes: [./x:/x]
        labels: {one: 1}
        versions:
          v1: {}
          v2: {volumes: [./y:/y], labels: {two: 2}, user: root}
    """
    v1, v2 = folder.load(text).services["a"].versions

    assert (v1.mounts, v1.labels, v1.user) == ((bind(folder.root / "x", "/x"),), {"one": "1"}, None)
    assert (v2.mounts, v2.labels, v2.user) == ((bind(folder.root / "y", "/y"),), {"one": "1", "two": "2"}, "root")


def test_of_two_files_the_later_mount_at_a_place_counts(folder: Folder) -> None:
    base = "services: {a: {build: ./a, entrypoint: [x], volumes: [./x:/x, ./y:/y], tmpfs: /run, cap_add: [CHOWN]}}"
    over = "services: {a: {entrypoint: [z], volumes: ['./z:/x/'], tmpfs: ['/run:size=1M'], cap_add: [KILL]}}"

    found = folder.load(base, over).services["a"].versions[0]

    run = Mount(kind=MountKind.TMPFS, source=None, target="/run", size=1 << 20)
    assert found.mounts == (bind(folder.root / "z", "/x"), bind(folder.root / "y", "/y"), run)
    assert (found.entrypoint, found.cap_add) == (("z",), ("CHOWN", "KILL"))


@pytest.mark.parametrize(
    ("keys", "limits", "replicas"),
    [
        ("mem_limit: 1M, cpus: 0.5, pids_limit: 9, scale: 2", Limits(memory=1 << 20, cpus=0.5, pids=9), 2),
        ("deploy: {replicas: 0, resources: {limits: {pids: 7}}}", Limits(pids=7), 0),
        ("mem_limit: 1M, deploy: {resources: {limits: {memory: 1M, cpus: 2}}}", Limits(memory=1 << 20, cpus=2.0), 1),
        ("scale: 0", Limits(), 0),
    ],
)
def test_limits_in_short_and_long(folder: Folder, keys: str, limits: Limits, replicas: int) -> None:
    found = version(folder, keys)

    assert (found.limits, found.replicas) == (limits, replicas)


def test_expose_lists_more_ports(folder: Folder) -> None:
    text = "services: {a: {build: ./a, ports: ['8000/grpc', '81:80'], expose: [8000, '80', '9000/tcp', 9000/tcp]}}"

    ports = folder.load(text).services["a"].ports

    assert [(port.number, str(port.protocol), port.published) for port in ports] == [
        (8000, "grpc", None),
        (80, "http", 81),
        (9000, "tcp", None),
    ]
    assert folder.load("services: {a: {build: ./a, expose: [80]}}").services["a"].ports == (Port(number=80),)


def test_volumes(folder: Folder) -> None:
    text = "services: {a: {build: ./a}}\nvolumes: {one: , two: {}, three: {name: x}, four: {external: true}}"

    assert folder.load(text).volumes == {
        "one": Volume(),
        "two": Volume(),
        "three": Volume(name="x"),
        "four": Volume(name="four", external=True),
    }


def test_docker_settings_of_a_profile_lie_below_the_files(folder: Folder) -> None:
    profile = folder.write(
        "docker: {proxy: container, address_pools: [10.1.0.0/16], images: {python: p:1, go: g:1}}", "mine.yaml"
    )
    text = "services: {a: {build: ./a}}\ndocker: {address_pools: [10.2.0.0/16], images: {python: p:2}}"

    settings = folder.load(text, profiles=[str(profile)]).settings

    assert settings.docker == DockerSettings(
        proxy="container", address_pools=("10.2.0.0/16",), images={"python": "p:2", "go": "g:1"}
    )


@pytest.mark.parametrize("pool", [*RANGES, f"10.9.128.0/{SMALLEST}"])
def test_pools_that_can_be_used(folder: Folder, pool: str) -> None:
    text = f"services: {{a: {{build: ./a}}}}\ndocker: {{address_pools: [{pool}]}}"

    assert folder.load(text).settings.docker.address_pools == (pool,)


# --- services that are processes --------------------------------------------------------------------------------------


def test_one_service_chooses_its_runtime(folder: Folder) -> None:
    services = folder.load("services: {a: {build: ./a, runtime: process}, b: {build: ./b}}").services

    assert (services["a"].runtime, services["b"].runtime) == ("process", None)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ("build: ./a, labels: [x], pull_policy: never, hardened: false, mem_limit: 1M", ()),
        ("build: ./a, image: x", ()),
        ("image: x", ("image",)),
        ("build: ./a, entrypoint: []", ("entrypoint",)),
        (
            "build: ./a, volumes: [/x], tmpfs: /y, user: x, working_dir: /, stop_signal: INT, read_only: true",
            ("user", "working_dir", "stop_signal", "volumes", "tmpfs", "read_only"),
        ),
        ("build: ./a, volumes: [{type: tmpfs, target: /x}], cap_add: [KILL]", ("tmpfs", "cap_add")),
    ],
)
def test_what_a_process_can_not_be_given(folder: Folder, keys: str, named: tuple[str, ...]) -> None:
    project = folder.load(f"services: {{a: {{{keys}}}}}")

    assert container_only(project.services["a"].versions[0]) == named


def test_a_service_that_is_a_process_may_have_what_makes_no_difference(folder: Folder) -> None:
    keys = "runtime: process, build: ./a, labels: [x], pull_policy: never, hardened: false, mem_limit: 1M"

    assert folder.load(f"services: {{a: {{{keys}}}}}").services["a"].runtime == "process"


def test_versions_of_a_process_are_told_once_where_the_key_is_written(folder: Folder) -> None:
    text = "services: {a: {build: ./a, runtime: process, user: x, versions: {v1: {}, v2: {build: ./b}}}}"

    assert folder.problems(text) == [
        "1:46 user is for containers, and a runs as a process | take user out, or write runtime: docker"
    ]


def test_a_whole_project_of_processes_may_have_them(folder: Folder) -> None:
    services = folder.load("runtime: process\nservices: {a: {build: ./a, user: root}}").services

    assert services["a"].versions[0].user == "root"


# --- what other layers know too ---------------------------------------------------------------------------------------


def test_the_images_are_those_of_the_docker_runtime() -> None:
    assert set(ImagesSpec.model_fields) == set(images.DEFAULTS)


def test_capabilities_that_forge_addresses_are_never_given() -> None:
    assert set(hardening.FORGERS) < FORGERS


def test_labels_of_ours_are_reserved() -> None:
    assert all(name.startswith(RESERVED_LABELS) for name in labels.of_network("x", "y", "mesh"))


def test_pools_are_as_large_as_a_project_needs() -> None:
    assert addressing.choose_pool("x", 60, [], [f"10.9.128.0/{SMALLEST}"]).prefixlen == SMALLEST
