"""`sandbox init` writes what it finds, and what it writes loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sandbox.config.loader import load
from sandbox.config.scaffold import scaffold
from sandbox.errors import SandboxError
from sandbox.model import AppProtocol, HttpProbe, Project
from sandbox.shipped import SAMPLE_APPS, shipped


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def loaded(folder: Path) -> Project:
    file = folder / "sandbox.yaml"
    file.write_text(scaffold(folder), encoding="utf-8")
    return load([file], environment={})


def test_services_in_folders(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "web/package.json": "{}",
            "web/index.js": "app.listen(process.env.PORT || 3000); fetch(process.env.ORDERS_URL + '/x')",
            "orders/app.py": "@app.get('/healthz')\napp.run(port=5001)",
            "orders/requirements.txt": "flask",
            "Stock_Keeper/Dockerfile": "EXPOSE 9000",
            "node_modules/x/package.json": "{}",
            ".git/app.py": "",
            "docs/main.py": "",
        },
    )
    project = loaded(tmp_path)

    web, orders, stock = (project.services[name] for name in ("web", "orders", "stock-keeper"))
    assert list(project.services) == ["web", "stock-keeper", "orders"]
    assert (web.public, web.callees, web.ports[0].number) == (True, ("orders",), 3000)
    assert (orders.public, orders.ports[0].number) == (False, 5001)
    assert orders.versions[0].healthcheck.probe == HttpProbe(path="/healthz")
    assert stock.ports[0].number == 9000
    assert "only a Dockerfile was found" in (tmp_path / "sandbox.yaml").read_text()


def test_the_folder_itself_is_a_service(tmp_path: Path) -> None:
    root = put(tmp_path / "My App", {"app.py": "", "helpers/main.py": ""})

    assert list(loaded(root).services) == ["my-app"]


def test_services_below_a_folder_of_services(tmp_path: Path) -> None:
    put(tmp_path, {"services/a/app.py": "", "services/b/main.py": "", "package.json": "{}"})

    builds = [service.versions[0].build for service in loaded(tmp_path).services.values()]
    assert [build.context.relative_to(tmp_path).as_posix() for build in builds if build] == ["services/a", "services/b"]


def test_a_folder_with_a_version_becomes_a_version(tmp_path: Path) -> None:
    put(tmp_path, {"cart/app.py": "", "cart-v2/app.py": "", "web/app.py": "CART_URL"})

    cart = loaded(tmp_path).services["cart"]

    assert [version.name for version in cart.versions] == ["v1", "v2"]


def test_services_in_other_languages(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "go.mod": "module shop",
            "cart/main.go": 'http.HandleFunc("/healthz", ok); listen(env("PORT", "8002")); get(os.Getenv("DEPOT_URL"))',
            "depot/pom.xml": "",
            "depot/src/main/java/shop/Depot.java": 'env("PORT", "8005")',
            "prices/Prices.java": "",
            "pages/index.html": "",
            "pages/public/index.html": "",
            "public/index.html": "",
            "target/classes/x.jar": "",
        },
    )

    services = loaded(tmp_path).services

    assert {name: service.ports[0].number for name, service in services.items()} == {
        "cart": 8002,
        "depot": 8005,
        "prices": 8000,
        "pages": 8000,
    }
    assert services["cart"].callees == ("depot",)


@pytest.mark.parametrize("name", ["go.mod", "pom.xml", "index.html", "Shop.java", "shop.jar"])
def test_one_folder_in_another_language(tmp_path: Path, name: str) -> None:
    root = put(tmp_path / "shop", {name: "", "public/index.html": "", "Dockerfile": ""})

    assert list(loaded(root).services) == ["shop"]
    assert "only a Dockerfile" not in scaffold(root)


def test_circles_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, {"a/app.py": "B_URL", "b/app.py": "C_URL", "c/app.py": "A_URL B_HOST"})

    assert {name: service.callees for name, service in loaded(tmp_path).services.items()} == {
        "a": ("b",),
        "b": ("c",),
        "c": (),
    }


def test_grpc_is_recognised(tmp_path: Path) -> None:
    put(tmp_path, {"main.py": "server = grpc.aio.server()"})

    [service] = loaded(tmp_path).services.values()

    assert service.ports[0].protocol is AppProtocol.GRPC


def test_names_that_are_taken_or_reserved(tmp_path: Path) -> None:
    put(tmp_path, {"a b/app.py": "", "a_b/app.py": "", "gateway/app.py": "", "日本/app.py": ""})

    assert set(loaded(tmp_path).services) == {"a-b", "a-b-2", "gateway-service"}


def test_an_existing_compose_file_is_mentioned(tmp_path: Path) -> None:
    put(tmp_path, {"app.py": "", "compose.yaml": ""})

    assert "# There is a compose.yaml here too." in scaffold(tmp_path)


@pytest.mark.parametrize("app", ["bakery", "hello", "polyglot"])
def test_the_sample_apps(tmp_path: Path, app: str) -> None:
    source = load([shipped(SAMPLE_APPS) / app / "sandbox.yaml"], environment={})
    text = scaffold(shipped(SAMPLE_APPS) / app)
    for folder in (shipped(SAMPLE_APPS) / app).iterdir():
        if folder.is_dir():
            (tmp_path / folder.name).mkdir()
    (tmp_path / "sandbox.yaml").write_text(text)

    guessed = load([tmp_path / "sandbox.yaml"], environment={})

    assert guessed.name == source.name
    assert {name: set(service.callees) for name, service in guessed.services.items()} == {
        name: set(service.callees) for name, service in source.services.items()
    }
    assert guessed.default_service and source.default_service
    assert guessed.default_service.name == source.default_service.name


def test_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="nothing here looks like a service") as caught:
        scaffold(tmp_path)
    assert "sandbox up hello" in caught.value.hint


FOLDERS = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(names=["~0"])
@given(names=st.lists(FOLDERS.filter(lambda name: name.strip(".")), max_size=4, unique=True))
def test_folders_of_any_name_load(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    root = tmp_path_factory.mktemp("any")
    put(root, {f"{name}/app.py": "PORT=1" for name in [*names, "last"]})

    assert loaded(root).services
