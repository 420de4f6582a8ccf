"""The resolved project on paper."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from sandbox.cli.main import main
from tests.cli.conftest import Place

Output = pytest.CaptureFixture[str]


@pytest.fixture
def shop(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    root = place.app("shop")
    (root / "web").mkdir()
    (root / "sandbox.yaml").write_text(
        "name: shop\nservices:\n  web: {build: ./web, command: ./serve, ports: [8000]}\n"
    )
    monkeypatch.chdir(root)
    return place


def test_yaml_and_json_say_the_same(shop: Place, capsys: Output) -> None:
    assert main(["config"]) == 0
    as_yaml = yaml.safe_load(capsys.readouterr().out)
    assert main(["config", "-o", "json"]) == 0

    assert json.loads(capsys.readouterr().out) == as_yaml
    assert as_yaml["name"] == "shop"
    assert list(as_yaml["services"]) == ["web"]


def test_files_are_merged_in_order(shop: Place, capsys: Output) -> None:
    (shop.apps / "shop" / "local.yaml").write_text("services:\n  web: {command: ./serve --debug}\n")

    assert main(["config", "-f", "sandbox.yaml", "-f", "local.yaml", "-o", "json"]) == 0
    assert "--debug" in capsys.readouterr().out


def test_outside_of_all_projects_it_is_the_one_that_runs(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    text = "name: mill\nservices: {web: {image: web}}\n"
    place.running("bakery")
    (place.apps / "bakery" / "sandbox.yaml").write_text(text.replace("mill", "bakery"))
    monkeypatch.chdir(place.apps)
    assert main(["config", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "bakery"
    assert main(["config", "--dockerfile", "nobody"]) == 2
    assert "nobody: there is no such service" in capsys.readouterr().err

    place.running("mill")
    (place.apps / "mill" / "sandbox.yaml").write_text(text)
    assert main(["config"]) == 2
    assert "several projects fit" in capsys.readouterr().err
    assert main(["config", "--project", "mill", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "mill"


def test_outside_of_all_projects_where_none_runs(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.chdir(place.apps)
    assert main(["config"]) == 2
    assert "there is no sandbox.yaml or compose.yaml here or in a folder above" in capsys.readouterr().err


def test_a_sample_by_name(place: Place, capsys: Output) -> None:
    assert main(["config", "bakery", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "bakery"


def test_every_problem_is_a_line(shop: Place, capsys: Output) -> None:
    (shop.apps / "shop" / "sandbox.yaml").write_text(
        "name: shop\nservices:\n  web: {build: ./web, prots: [1]}\nfoo: 1\n"
    )

    assert main(["config"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line for line in err.splitlines() if line.startswith("error: ")] != []
    assert "sandbox.yaml:3:" in err
    assert "sandbox.yaml:4:" in err
    assert "Traceback" not in err


def test_the_schema_accepts_the_samples(place: Place, capsys: Output) -> None:
    assert main(["config", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert main(["config", "bakery", "-o", "json"]) == 0

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load("name: x\nservices: {web: {build: ., ports: ['8000']}}"), schema)


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["config"], "error: there is no sandbox.yaml or compose.yaml here or"),
        (["config", "-f", "nowhere.yaml"], "error: nowhere.yaml: "),
        (["config", "bakeyr"], "error: bakeyr: "),
        (["config", "bakery", "-f", "x.yaml"], "error: "),
    ],
)
def test_nothing_to_read(place: Place, capsys: Output, argv: list[str], error: str) -> None:
    assert main(argv) == 2
    assert capsys.readouterr().err.startswith(error)


@pytest.fixture
def built(shop: Place) -> Place:
    root = shop.apps / "shop"
    for name, text in (("app.py", "import shop\nshop.run()\n"), ("requirements.txt", "flask\n")):
        (root / "web" / name).write_text(text)
    (root / "own").mkdir()
    (root / "own" / "Dockerfile").write_text("FROM scratch\n")
    (root / "sandbox.yaml").write_text(
        "name: shop\nservices:\n  web: {build: ./web, ports: [8000]}\n  own: {build: ./own}\n"
        "  cache: {image: redis}\n  both: {versions: {v1: {build: ./own}, v2: {build: ./web}}}\n"
    )
    return shop


def test_the_dockerfile_of_a_folder_that_has_none(
    built: Place, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_IMAGE_PYTHON", "our/python:3")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")

    assert main(["config", "--dockerfile", "web"]) == 0
    out, err = capsys.readouterr()
    assert "FROM our/python:3 AS dependencies\n" in out
    assert out.index("COPY requirements.txt ./") < out.index("COPY --chown=65532:65532 . .")
    assert out.endswith('CMD ["python", "app.py"]\n')
    assert err == ""

    assert main(["config", "--dockerfile", "both@v2"]) == 0
    assert capsys.readouterr().out == out


def test_the_dockerfile_of_a_service_that_has_its_own(built: Place, capsys: Output) -> None:
    assert main(["config", "--dockerfile", "own"]) == 0
    out, err = capsys.readouterr()
    assert out == "FROM scratch\n"
    assert err == f"note: this is the service's own, {built.apps / 'shop' / 'own' / 'Dockerfile'}\n"


@pytest.mark.parametrize(
    ("wanted", "error", "hint"),
    [
        ("wbe", "error: wbe: there is no such service", "services: web, own, cache, both"),
        ("both", "error: both: it has several versions", "say --dockerfile both@v1 or both@v2"),
        ("web@v3", "error: web@v3: there is no such version", "say --dockerfile web@v1"),
        ("cache", "error: cache: nothing is built: it runs the image redis", "give the service a build:"),
    ],
)
def test_a_dockerfile_of_nothing(built: Place, capsys: Output, wanted: str, error: str, hint: str) -> None:
    assert main(["config", "--dockerfile", wanted]) == 2
    assert capsys.readouterr().err == f"{error}\nhint: {hint}\n"
