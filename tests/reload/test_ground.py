"""What is looked at, and what differs, without a watcher."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.model import WatchRule
from sandbox.reload.ground import Ground
from sandbox.reload.layout import lay_out
from tests.reload.stage import FENCE, project_of, version


def ground_of(root: Path, *rules: WatchRule) -> Ground:
    ground = Ground(lay_out(project_of(root, {"web": version(root / "web", *rules)}), lambda service, version: False))
    ground.survey()
    return ground


def write(path: Path, text: str = "one") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_hint_alone_is_no_difference(tmp_path: Path) -> None:
    file = write(tmp_path / "web" / "app.py")
    ground = ground_of(tmp_path)
    assert ground.look([str(file), str(tmp_path / "web"), str(tmp_path / "elsewhere")]) == []

    file.write_text("two!")
    [found] = ground.look([str(file)])
    assert found.path == str(file)
    assert ground.look([str(file)]) == []


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    write(tmp_path / "web" / "lib" / "a.py")
    (tmp_path / "web" / "lib" / "up").symlink_to(tmp_path / "web")
    (tmp_path / "web" / "self").symlink_to("self")
    ground = ground_of(tmp_path)
    folders = {str(tmp_path / "web"), str(tmp_path / "web" / "lib")}
    assert folders <= ground.to_watch()[0] <= {*folders, str(tmp_path), str(tmp_path / FENCE)}

    assert ground.look([str(tmp_path / "web" / "lib")]) == []
    assert folders <= ground.to_watch()[0] <= {*folders, str(tmp_path), str(tmp_path / FENCE)}


def test_what_a_rule_names_is_held_to_the_rules_around_it(tmp_path: Path) -> None:
    static = tmp_path / "web" / "static"
    write(tmp_path / "web" / ".dockerignore", "**/*.map")
    write(static / "a.css")
    ground = ground_of(tmp_path, WatchRule(path=static, action="sync", target="/s"))
    assert ground.areas_of(str(static / "a.css")) == {str(static), str(tmp_path / "web")}
    assert ground.areas_of(str(static / "a.map")) == frozenset()


def test_a_build_tools_output_is_told_from_a_folder_of_that_name(tmp_path: Path) -> None:
    write(tmp_path / "web" / "target" / "a.py")
    assert ground_of(tmp_path).areas_of(str(tmp_path / "web" / "target" / "a.py"))
    write(tmp_path / "web" / "pom.xml")
    assert str(tmp_path / "web" / "target") not in ground_of(tmp_path).to_watch()[0]


def test_what_was_removed_between_two_looks_by_different_rules_is_told(tmp_path: Path) -> None:
    for name in ("app.py", "lib/deep/b.py", "made.py"):
        write(tmp_path / "web" / name)
    before = ground_of(tmp_path)
    (tmp_path / "web" / "app.py").unlink()
    (tmp_path / "web" / "made.py").unlink()
    shutil.rmtree(tmp_path / "web" / "lib")
    write(tmp_path / "web" / ".gitignore", "made.py")
    found = ground_of(tmp_path).since(before)
    names = [str(Path(one.path).relative_to(tmp_path / "web")) for one in found if one.now is None]
    assert sorted(names) == ["app.py", "lib/deep/b.py"]


NAMES = st.sampled_from(["a.py", "b.py", "lib/a.py", "lib/deep/b.py", "node_modules/x.js", "out/gen.py"])
STEPS = st.lists(st.tuples(st.sampled_from(["write", "remove"]), NAMES, st.integers(0, 9)), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_looking_where_something_happened_is_as_good_as_looking_everywhere(
    tmp_path: Path, steps: list[tuple[str, str, int]]
) -> None:
    root = tmp_path / str(len(list(tmp_path.iterdir())))
    write(root / "web" / ".gitignore", "out/")
    write(root / "web" / "a.py")
    one, all_of_it = ground_of(root), ground_of(root)
    for action, name, length in steps:
        path, hints = root / "web" / name, [root / "web" / name, *(root / "web" / name).parents]
        if action == "write":
            write(path, "x" * length)
        else:
            path.unlink(missing_ok=True)
        found = one.look([str(hint) for hint in hints if hint.is_relative_to(root / "web")])
        assert found == all_of_it.look_at_all()
