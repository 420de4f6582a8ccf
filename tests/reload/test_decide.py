from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.model import Build, Template, Version, WatchRule
from sandbox.reload.change import Action, Copy, Reaction
from sandbox.reload.decide import Changed, decide, owners
from sandbox.reload.layout import Layout, lay_out
from tests.reload.stage import FENCE, project_of, version


def rule(path: Path, action: str, **more: object) -> WatchRule:
    return WatchRule(path=path, action=action, **more)  # type: ignore[arg-type]


def changed(layout: Layout, path: Path) -> Changed:
    """Let through by every area around it."""
    return Changed(str(path), frozenset(area.root for area in layout.areas if path.is_relative_to(area.root)))


def reaction(layout: Layout, service: str, *paths: Path) -> Reaction | None:
    return decide(layout, service, [changed(layout, path) for path in paths]).get("v1")


def layout_of(root: Path, files: tuple[Path, ...] = (), built: bool = False, **services: object) -> Layout:
    project = project_of(root, services, *files)  # type: ignore[arg-type]
    return lay_out(project, lambda service, version: built and service.name != FENCE)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("app.py", Action.RESTART),
        ("lib/money.js", Action.RESTART),
        ("templates/page.html", Action.RESTART),
        ("data.json", Action.RESTART),
        ("requirements.txt", Action.REBUILD),
        ("requirements-dev.txt", Action.REBUILD),
        ("pyproject.toml", Action.REBUILD),
        ("uv.lock", Action.REBUILD),
        ("package-lock.json", Action.REBUILD),
        ("go.sum", Action.REBUILD),
        ("pom.xml", Action.REBUILD),
        ("Dockerfile", Action.REBUILD),
        ("Procfile", Action.REBUILD),
        ("main.go", Action.REBUILD),
        ("src/Main.java", Action.REBUILD),
        ("README.md", None),
        (".gitignore", None),
    ],
)
def test_defaults(tmp_path: Path, name: str, action: Action | None) -> None:
    layout = layout_of(tmp_path, orders=tmp_path / "orders")
    found = reaction(layout, "orders", tmp_path / "orders" / name)
    assert (found.action if found else None) is action


def test_source_that_is_in_an_image_is_rebuilt(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, built=True, orders=tmp_path / "orders")
    assert reaction(layout, "orders", tmp_path / "orders" / "app.py") == Reaction(action=Action.REBUILD)


def test_a_dockerfile_elsewhere_belongs_to_who_is_built_with_it(tmp_path: Path) -> None:
    built = Version(
        name="v1",
        build=Build(context=tmp_path / "orders", dockerfile="../docker/orders"),
        healthcheck=version(None).healthcheck,
    )
    layout = layout_of(tmp_path, orders=built, pantry=tmp_path / "pantry")
    assert owners(layout, changed(layout, tmp_path / "docker" / "orders")) == ("orders",)
    assert reaction(layout, "orders", tmp_path / "docker" / "orders") == Reaction(action=Action.REBUILD)


def test_only_the_owner_has_to_do_something(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, orders=tmp_path / "orders", pantry=tmp_path / "pantry", redis=version(None))
    assert owners(layout, changed(layout, tmp_path / "orders" / "app.py")) == ("orders",)
    assert owners(layout, changed(layout, tmp_path / "notes.txt")) == ()


def test_a_folder_inside_another_ones_is_its_own(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, shop=tmp_path, orders=tmp_path / "orders")
    assert owners(layout, changed(layout, tmp_path / "orders" / "app.py")) == ("orders",)
    assert owners(layout, changed(layout, tmp_path / "app.py")) == ("shop",)


def test_versions_in_one_folder_and_in_two(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, steamer=(version(tmp_path / "one"), version(tmp_path / "two", name="v2")))
    assert set(decide(layout, "steamer", [changed(layout, tmp_path / "two" / "app.py")])) == {"v2"}
    layout = layout_of(tmp_path, steamer=(version(tmp_path / "one"), version(tmp_path / "one", name="v2")))
    assert set(decide(layout, "steamer", [changed(layout, tmp_path / "one" / "app.py")])) == {"v1", "v2"}


def test_a_shared_folder_belongs_to_those_that_name_it(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    layout = layout_of(
        tmp_path,
        orders=version(tmp_path / "orders", rule(shared, "restart")),
        pantry=version(tmp_path / "pantry", environment={"PYTHONPATH": Template(("../shared:lib",))}),
        mill=tmp_path / "mill",
    )
    assert owners(layout, changed(layout, shared / "money.py")) == ("orders", "pantry")
    assert owners(layout, changed(layout, tmp_path / "pantry" / "lib" / "x.py")) == ("pantry",)


def test_a_rule_decides_where_it_covers_and_the_defaults_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    layout = layout_of(
        tmp_path,
        web=version(folder, rule(folder / "static", "sync", target="/app/static", ignore=("*.map", "drafts"))),
    )
    file = folder / "static" / "css" / "a.css"
    copied = Reaction(action=Action.SYNC, copies=(Copy(file, "/app/static/css/a.css"),))
    assert reaction(layout, "web", file) == copied
    assert reaction(layout, "web", folder / "static" / "a.map") is None
    assert reaction(layout, "web", folder / "static" / "drafts" / "b.css") is None
    assert reaction(layout, "web", folder / "app.py") == Reaction(action=Action.RESTART)


def test_the_deepest_rule_wins(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    layout = layout_of(
        tmp_path,
        web=version(
            folder,
            rule(folder, "sync", target="/app"),
            rule(folder / "package.json", "rebuild"),
            rule(folder / "conf", "sync+restart", target="/etc/web"),
        ),
    )
    assert reaction(layout, "web", folder / "package.json") == Reaction(action=Action.REBUILD)
    assert reaction(layout, "web", folder / "conf" / "a.ini") == Reaction(
        action=Action.SYNC_RESTART, copies=(Copy(folder / "conf" / "a.ini", "/etc/web/a.ini"),)
    )


def test_include_narrows_a_rule(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    layout = layout_of(tmp_path, web=version(folder, rule(folder, "sync", target="/app", include=("**/*.html",))))
    assert reaction(layout, "web", folder / "pages" / "a.html") is not None
    assert reaction(layout, "web", folder / "app.py") is None


def test_a_single_file_is_copied_to_its_target(tmp_path: Path) -> None:
    file = tmp_path / "nginx.conf"
    layout = layout_of(
        tmp_path,
        web=version(None, rule(file, "sync+exec", target="/etc/nginx/nginx.conf", command=("nginx", "-s", "reload"))),
    )
    assert reaction(layout, "web", file) == Reaction(
        action=Action.SYNC_EXEC,
        copies=(Copy(file, "/etc/nginx/nginx.conf"),),
        commands=(("nginx", "-s", "reload"),),
    )


def test_together_the_strongest_wins(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    layout = layout_of(
        tmp_path,
        web=version(
            folder,
            rule(folder / "static", "sync", target="/s"),
            rule(folder / "conf", "sync+exec", target="/c", command=("reload",)),
        ),
    )
    static, conf, source = folder / "static" / "a", folder / "conf" / "b", folder / "app.py"
    copies = (Copy(static, "/s/a"), Copy(conf, "/c/b"))
    assert reaction(layout, "web", static, conf) == Reaction(
        action=Action.SYNC_EXEC, copies=copies, commands=(("reload",),)
    )
    assert reaction(layout, "web", static, conf, source) == Reaction(action=Action.SYNC_RESTART, copies=copies)
    assert reaction(layout, "web", static, folder / "package.json") == Reaction(action=Action.REBUILD)


def test_what_is_not_known_completely_is_made_anew(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, web=tmp_path / "web")
    found = decide(layout, "web", [changed(layout, tmp_path / "web" / "app.py")], incomplete=True)
    assert found["v1"].action is Action.REBUILD


def test_the_projects_own_files_are_no_services(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, (tmp_path / "sandbox.yaml", tmp_path / ".env"), hello=tmp_path)
    assert owners(layout, changed(layout, tmp_path / "sandbox.yaml")) == ()
    assert owners(layout, changed(layout, tmp_path / "app.py")) == ("hello",)
