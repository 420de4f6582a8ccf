"""sandbox.yaml to the model: what each key becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.config.loader import load
from sandbox.errors import ConfigError
from sandbox.model import (
    AppProtocol,
    BackendRef,
    Build,
    CalleeRef,
    CommandProbe,
    Condition,
    Dependency,
    HeaderMatch,
    HttpProbe,
    Limits,
    Match,
    MatchType,
    NoProbe,
    Port,
    Probe,
    ReloadSettings,
    RestartPolicy,
    Retry,
    Rule,
    Service,
    TcpProbe,
    Template,
    Timeouts,
    Version,
    WatchRule,
)
from sandbox.shipped import SAMPLE_APPS, shipped
from tests.config.conftest import Folder


def service(folder: Folder, keys: str, environment: dict[str, str] | None = None) -> Service:
    """The service `a` of ./a with more keys."""
    return folder.load(
        f"services: {{a: {{build: ./a, {keys}}}, b: {{build: ./b, ports: [80]}}}}", environment=environment
    ).services["a"]


def version(folder: Folder, keys: str, environment: dict[str, str] | None = None) -> Version:
    return service(folder, keys, environment).versions[0]


@pytest.mark.parametrize("app", ["bakery", "hello", "polyglot"])
def test_the_sample_apps_load(app: str) -> None:
    project = load([shipped(SAMPLE_APPS) / app / "sandbox.yaml"], environment={})

    assert project.name == app
    assert project.default_service is not None


def test_the_least_there_is(folder: Folder) -> None:
    project = folder.load("services: {a: {build: ./a}}")

    [only] = project.services.values()
    assert (project.name, project.root) == ("app", folder.root)
    assert only.versions[0].build == Build(context=folder.root / "a")
    assert only.versions[0].healthcheck.probe == NoProbe()
    assert (only.public, only.ports, only.depends_on) == (False, (), ())


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("8000", Port(number=8000)),
        ('"8000"', Port(number=8000)),
        ("18000:8000", Port(number=8000, published=18000)),
        ("22:22", Port(number=22, published=22)),
        ("127.0.0.1:18000:8000", Port(number=8000, published=18000)),
        ("127.0.0.1::8000", Port(number=8000)),
        ("5432/tcp", Port(number=5432, protocol=AppProtocol.TCP)),
        ("50051/grpc", Port(number=50051, protocol=AppProtocol.GRPC)),
        ("8000/http", Port(number=8000)),
        ("{target: 80, published: '81', app_protocol: grpc}", Port(number=80, published=81, protocol=AppProtocol.GRPC)),
        ("{target: 80, protocol: tcp}", Port(number=80, protocol=AppProtocol.TCP)),
        ("{target: 80, protocol: tcp, app_protocol: http, host_ip: 127.0.0.1}", Port(number=80)),
        ('"${N}:80"', Port(number=80, published=7)),
    ],
)
def test_ports(folder: Folder, written: str, port: Port) -> None:
    assert service(folder, f"ports: [{written}]", {"N": "7"}).ports == (port,)


@pytest.mark.parametrize(
    ("written", "probe"),
    [
        ("{http: /healthz}", HttpProbe(path="/healthz")),
        ("{test: [CMD, check, 1]}", CommandProbe(argv=("check", "1"))),
        ("{test: [CMD-SHELL, a || b]}", CommandProbe(argv=("/bin/sh", "-c", "a || b"))),
        ("{test: a || b}", CommandProbe(argv=("/bin/sh", "-c", "a || b"))),
        ("{test: [NONE]}", NoProbe()),
        ("{disable: true, http: /x}", NoProbe()),
        ("{interval: 1s}", TcpProbe()),
    ],
)
def test_healthchecks(folder: Folder, written: str, probe: Probe) -> None:
    assert version(folder, f"ports: [80], healthcheck: {written}").healthcheck.probe == probe


def test_times_of_a_healthcheck(folder: Folder) -> None:
    check = version(folder, "healthcheck: {interval: 1s, timeout: 500ms, retries: 5, start_period: 1m}").healthcheck

    assert (check.interval, check.timeout, check.retries, check.start_period) == (1.0, 0.5, 5, 60.0)


@pytest.mark.parametrize(
    ("written", "argv"),
    [
        ("python app.py", ("python", "app.py")),
        ("[python, app.py, 1.10, true]", ("python", "app.py", "1.10", "true")),
        ("a && b", ("/bin/sh", "-c", "a && b")),
        ("run $$HOME", ("/bin/sh", "-c", "exec run $HOME")),
        ("run $$PORT", ("run", "$PORT")),
        ("", None),
    ],
)
def test_commands(folder: Folder, written: str, argv: tuple[str, ...] | None) -> None:
    assert version(folder, f"command: {written}").command == argv


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("no", "no"),
        ('"no"', "no"),
        ("always", "always"),
        ("on-failure:3", "on-failure"),
        ("unless-stopped", "unless-stopped"),
    ],
)
def test_restart(folder: Folder, written: str, policy: str) -> None:
    assert version(folder, f"restart: {written}").restart is RestartPolicy(policy)


def test_deploy_develop_and_grace(folder: Folder) -> None:
    keys = (
        "deploy: {replicas: '${N}', resources: {limits: {memory: 1.5G, cpus: '0.5'}}}, stop_grace_period: 1m30s,"
        "develop: {watch: [{path: ./a, action: sync, target: /app, ignore: '*.md'}]}"
    )
    found = version(folder, keys, {"N": "3"})

    assert (found.replicas, found.limits, found.stop_grace_period) == (3, Limits(memory=3 << 29, cpus=0.5), 90.0)
    assert found.watch == (WatchRule(path=folder.root / "a", action="sync", target="/app", ignore=("*.md",)),)


def test_what_is_watched(folder: Folder) -> None:
    rule = "path: ./a, action: sync+exec, target: /app, include: '*.conf', initial_sync: true"
    found = version(folder, f"develop: {{watch: [{{{rule}, exec: {{command: 'kill -HUP $$PPID'}}}}]}}")

    assert found.watch == (
        WatchRule(
            path=folder.root / "a",
            action="sync+exec",
            target="/app",
            include=("*.conf",),
            command=("/bin/sh", "-c", "exec kill -HUP $PPID"),
            initial_sync=True,
        ),
    )


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        ("public: false", ReloadSettings()),
        ("reload: false", ReloadSettings(watch=False)),
        ("reload: '${OFF}'", ReloadSettings(watch=False)),
        ("reload: true", ReloadSettings()),
        ("reload: {warm: false, drain: 1m}", ReloadSettings(warm=False, drain=60.0)),
        ("reload: {drain: 0s}", ReloadSettings(drain=0.0)),
        ("reload: null", ReloadSettings()),
    ],
)
def test_reload(folder: Folder, written: str, settings: ReloadSettings) -> None:
    assert version(folder, written, {"OFF": "false"}).reload == settings


def test_reload_of_a_version_over_its_service_over_the_project_over_a_profile(folder: Folder) -> None:
    folder.write("reload: {warm: false, drain: 1s}", "mine.yaml")
    versions = "v1: {build: ./a}, v2: {build: ./b, reload: {drain: 3s}}, v3: {build: ./c, reload: true}"
    text = f"reload: {{drain: 2s}}\nservices: {{a: {{reload: false, versions: {{{versions}}}}}, b: {{build: ./b}}}}"
    project = folder.load(text, profiles=["mine.yaml"])

    assert project.settings.reload == ReloadSettings(warm=False, drain=2.0)
    assert [one.reload for one in (*project.services["a"].versions, *project.services["b"].versions)] == [
        ReloadSettings(watch=False, warm=False, drain=2.0),
        ReloadSettings(watch=False, warm=False, drain=3.0),
        ReloadSettings(watch=True, warm=False, drain=2.0),
        ReloadSettings(watch=True, warm=False, drain=2.0),
    ]


def values(found: Version) -> dict[str, str]:
    return {
        name: value.render(lambda ref: f"<{ref.service}.{ref.attribute}>") for name, value in found.environment.items()
    }


def test_environment_keeps_numbers_as_they_are_written(folder: Folder) -> None:
    found = version(folder, "environment: {A: 0755, B: 1.10, C: True, D: 22:22, E: no, F: , G: , H: ''}", {"F": "host"})

    assert values(found) == {"A": "0755", "B": "1.10", "C": "true", "D": "22:22", "E": "no", "F": "host", "H": ""}


def test_environment_wins_over_later_files_over_earlier_ones(folder: Folder) -> None:
    folder.write("A=1\nB=1\nC=1\nHOME_OF\n", "one.env")
    folder.write("B=2\nC=2\n", "two.env")
    keys = "env_file: [one.env, {path: two.env}, {path: no.env, required: false}], environment: {C: 3}"

    assert values(version(folder, keys, {"HOME_OF": "x"})) == {"A": "1", "B": "2", "C": "3", "HOME_OF": "x"}


def test_dotenv_gives_variables_below_the_environment(folder: Folder) -> None:
    folder.write("\ufeffA=file\nB=file", ".env")  # as some editors of Windows write it

    assert values(version(folder, "environment: {X: $A, Y: $B, A: }", {"B": "host"})) == {
        "X": "file",
        "Y": "host",
        "A": "file",
    }


def test_addresses_become_references_and_edges(folder: Folder) -> None:
    found = service(folder, "environment: {B: 'x ${services.b.url}/v1'}")

    assert found.versions[0].environment["B"] == Template(("x ", CalleeRef(service="b", attribute="url"), "/v1"))
    assert found.depends_on == (Dependency(service="b", condition=Condition.STARTED),)


def test_a_declared_edge_keeps_its_condition(folder: Folder) -> None:
    keys = "depends_on: {b: {condition: service_healthy}}, environment: {B: '${services.b.host}'}"

    assert service(folder, keys).depends_on == (Dependency(service="b", condition=Condition.HEALTHY),)


def test_versions_inherit_the_services_keys(folder: Folder) -> None:
    text = """
    services:
      a:
        build: ./a
        command: [run]
        environment: {X: 1, Y: 1}
        ports: [80]
        versions:
          v1: {}
          v2: {build: ./b, environment: {Y: 2}, deploy: {replicas: 2}}
          v3: {image: "a:3", command: [walk]}
    """
    v1, v2, v3 = folder.load(text).services["a"].versions

    assert (v1.build, v1.command, values(v1)) == (Build(context=folder.root / "a"), ("run",), {"X": "1", "Y": "1"})
    assert (v2.build, v2.replicas, values(v2)) == (Build(context=folder.root / "b"), 2, {"X": "1", "Y": "2"})
    assert (v3.build, v3.image, v3.command) == (None, "a:3", ("walk",))


def test_traffic(folder: Folder) -> None:
    text = """
    services: {a: {ports: [80], versions: {v1: {build: ./a}, v2: {build: ./b}}}}
    traffic:
      a:
        rules:
          - matches:
              - headers: {X-Canary: true, x-team: {type: RegularExpression, value: "r.*"}}
              - headers: [{name: x-any, type: Present}]
            backendRefs: [{version: v2}]
          - backendRefs: [{version: v1, weight: 90}, {version: v2, weight: 10}]
            timeouts: {request: 2s, backendRequest: 0s}
            retry: {attempts: 3, codes: [502, 503]}
    """
    first, second = folder.load(text).traffic["a"].rules

    team = HeaderMatch(name="x-team", value="r.*", type=MatchType.REGULAR_EXPRESSION)
    assert first.matches == (
        Match(headers=(HeaderMatch(name="x-canary", value="true"), team)),
        Match(headers=(HeaderMatch(name="x-any", type=MatchType.PRESENT),)),
    )
    assert second == Rule(
        backends=(BackendRef(version="v1", weight=90), BackendRef(version="v2", weight=10)),
        timeouts=Timeouts(request=2.0),
        retry=Retry(attempts=3, codes=(502, 503)),
    )


def test_composes_version_and_x_keys_are_allowed(folder: Folder) -> None:
    text = """
    version: "3.9"
    x-common: &common {restart: always, x-note: hi}
    services: {a: {<<: *common, build: {context: ./a, x-why: $NOT_SET}, x-y: 1}}
    """
    assert folder.load(text).services["a"].versions[0].restart is RestartPolicy.ALWAYS


def test_keys_without_a_value_count_as_absent(folder: Folder) -> None:
    project = folder.load("services: {a: {build: ./a, ports: , depends_on: , healthcheck: }}\ntraffic:\n")

    assert project.services["a"].ports == ()


@pytest.mark.parametrize(("folder_name", "name"), [("My Shop", "my-shop"), ("_x_", "x"), ("日本", "app")])
def test_the_folders_name_is_the_default(tmp_path: Path, folder_name: str, name: str) -> None:
    root = tmp_path / folder_name
    root.mkdir()
    (root / "sandbox.yaml").write_text("services: {a: {build: .}}")

    assert load([root / "sandbox.yaml"], environment={}).name == name


def test_the_command_line_names_the_project(folder: Folder) -> None:
    assert folder.load("name: x\nservices: {a: {build: ./a}}", project="mine").name == "mine"
    with pytest.raises(ConfigError, match=r"--project No: .*is not a name"):
        folder.load("services: {a: {build: ./a}}", project="No")


def test_all_files_that_were_read_are_told(folder: Folder) -> None:
    env, dotenv = folder.write("A=1", "one.env"), folder.write("", ".env")

    files = folder.load("services: {a: {build: ./a, env_file: one.env}}").files

    assert files[0] == folder.root / "sandbox.yaml"
    assert {env, dotenv} < set(files)


# --- whatever the text ------------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    [
        "services",
        "a",
        "b",
        "build",
        "./a",
        "ports",
        "80",
        "traffic",
        "rules",
        "x-y",
        "null",
        "true",
        "1.5",
        "${A}",
        "$",
        "environment",
        "versions",
        "v1",
        "healthcheck",
        "test",
        "depends_on",
        "deploy",
        "image",
        "volumes",
        "./a:/x:ro",
        "tmpfs",
        "/x",
        "entrypoint",
        "labels",
        "cap_add",
        "expose",
        "<<",
        "&x",
        "*x",
        "!!str",
        "-",
    ]
)
_YAML = st.recursive(
    _WORDS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(_WORDS, inner), max_size=4).map(
            lambda pairs: f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"
        ),
    ),
    max_leaves=20,
)
_SHAPED = _YAML.map(
    lambda text: f"services: {{a: {text}}}\ntraffic: {{a: {text}}}\nname: {text}\nvolumes: {text}\ndocker: {text}\n"
)
_ANY = st.one_of(
    st.binary(max_size=200), st.text(max_size=200).map(str.encode), _YAML.map(str.encode), _SHAPED.map(str.encode)
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_ANY)
def test_any_text_is_a_project_or_a_configuration_error(folder: Folder, text: bytes) -> None:
    try:
        folder.load(text, environment={"A": "1"})
    except ConfigError as error:
        for problem in error.problems:
            assert problem.message.isprintable() and str(problem.location).isprintable()
