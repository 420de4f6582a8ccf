"""Where files of the context end up in the image, and that nothing is told that is not so. No engine."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runtime.docker.builds.ending import Ending, Step
from sandbox.runtime.docker.builds.places import Place, may_take, places

FILE, FOLDER, LINK = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777
MODES = {"app.py": FILE, "conf": FOLDER, "conf/a.toml": FILE, "shop": FOLDER, "shop/loaf.py": FILE, "conf.d": FOLDER}


def copy(source: str | None, target: str, *, inside: bool | None = True, owner: str = "0:0") -> Step:
    return Step(source=source, target=target, inside=inside, owner=owner)


def led(name: str, *steps: Step, elsewhere: tuple[str, ...] = (), modes: Mapping[str, int] = MODES) -> list[str] | None:
    found = places(Ending(steps=steps, elsewhere=elsewhere), modes, name)
    return None if found is None else [place.path for place in found]


def test_everything() -> None:
    assert led("shop/loaf.py", copy("", "/app")) == ["/app/shop/loaf.py"]
    assert led("shop/loaf.py", copy("", "/")) == ["/shop/loaf.py"]


def test_a_folder_brings_what_is_in_it() -> None:
    assert led("conf/a.toml", copy("conf", "/etc")) == ["/etc/a.toml"]
    assert led("conf.d", copy("conf", "/etc")) == []


def test_a_file_goes_into_a_folder_or_takes_the_name() -> None:
    assert led("shop/loaf.py", copy("shop/loaf.py", "/bin")) == ["/bin/loaf.py"]
    assert led("shop/loaf.py", copy("shop/loaf.py", "/bin/loaf", inside=False)) == ["/bin/loaf"]
    assert led("shop/loaf.py", copy("shop/loaf.py", "/bin/loaf", inside=None)) is None


def test_more_than_one_place_each_with_its_owner() -> None:
    ending = Ending(steps=(copy("", "/app", owner="5:6"), copy("app.py", "/bin")), elsewhere=())
    assert places(ending, MODES, "app.py") == (Place("/app/app.py", "5:6"), Place("/bin/app.py", "0:0"))


def test_what_comes_later_wins() -> None:
    over = (copy("", "/app"), copy("conf/a.toml", "/app/app.py", inside=False))
    assert led("app.py", *over) == []
    assert led("conf/a.toml", *over) == ["/app/conf/a.toml", "/app/app.py"]
    assert led("app.py", copy("", "/app"), copy("shop", "/app")) == ["/app/app.py"]


def test_what_comes_later_from_elsewhere_may_be_anything() -> None:
    assert led("shop/loaf.py", copy("", "/app"), copy(None, "/app/shop")) is None
    assert led("app.py", copy("", "/app"), copy(None, "/app/shop")) == ["/app/app.py"]
    assert led("app.py", copy(None, "/app"), copy("", "/app")) == ["/app/app.py"]


def test_a_folder_that_is_filled_later() -> None:
    assert led("shop", copy("", "/app"), copy("conf", "/app/shop/conf")) is None


def test_what_others_have_taken() -> None:
    assert led("app.py", copy("", "/app"), elsewhere=("*.py",)) is None
    assert led("shop/loaf.py", copy("", "/app"), elsewhere=("*.py",)) == ["/app/shop/loaf.py"]


def test_links_in_the_way() -> None:
    modes = {**MODES, "now": LINK}
    assert led("app.py", copy("", "/app"), modes=modes) == ["/app/app.py"]
    assert led("now", copy("", "/app"), modes=modes) == ["/app/now"]
    assert led("conf/a.toml", copy("now", "/etc"), copy("", "/app"), modes=modes) is None
    assert led("conf/a.toml", copy("", "/app"), elsewhere=("n*/x",), modes=modes) is None


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("", "a", True),
        ("*.py", "a.py", True),
        ("*.py", "d/a.py", False),
        ("d*", "deep/a.py", True),
        ("deep/x/y", "deep/x", False),
        ("a?c", "abc", True),
        ("[!a]", "b", True),
        ("[x]", "b", True),  # read differently by Go: never said to be another
        ("package*.json", "server.js", False),
    ],
)
def test_whether_a_source_may_be_a_file(pattern: str, name: str, expected: bool) -> None:
    assert may_take(pattern, name) is expected


# --- against a model of COPY --------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "f/a"])
trees = st.dictionaries(names, st.integers(0, 9), min_size=1)
targets = st.sampled_from(["/", "/x", "/x/d", "/x/a", "/y"])
sources = st.sampled_from([None, "", "a", "d", "d/e", "f/a"])
copies = st.lists(st.builds(copy, sources, targets, inside=st.booleans(), owner=st.sampled_from(["0:0", "5:5"])))


def built(steps: list[Step], tree: Mapping[str, int]) -> dict[str, object]:
    """The files of an image. What comes from elsewhere fills its target."""
    image: dict[str, object] = {}
    for step in steps:
        if step.source is None:
            image |= {posixpath.join(step.target, name): "elsewhere" for name in ("a", "d/a")}
        for name, content in tree.items():
            if (path := _copied(step, name)) is not None:
                image[path] = (content, step.owner)
    return image


def _copied(step: Step, name: str) -> str | None:
    if step.source is None:
        return None
    if name == step.source:
        return posixpath.join(step.target, posixpath.basename(name)) if step.inside else step.target
    below = posixpath.relpath(name, step.source or ".")
    return None if below.startswith("..") else posixpath.join(step.target, below)


@given(steps=copies, tree=trees, more=trees)
def test_a_file_over_an_image_is_as_good_as_a_new_image(
    steps: list[Step], tree: dict[str, int], more: dict[str, int]
) -> None:
    now = {**tree, **more}
    modes = dict.fromkeys(now, FILE) | {posixpath.dirname(name): FOLDER for name in now if "/" in name}
    modes |= {"d": FOLDER} if "d/e" in modes else {}
    over: dict[str, object] = {}
    for name in now:
        if now[name] != tree.get(name):
            found = places(Ending(steps=tuple(steps), elsewhere=()), modes, name)
            if found is None:
                return  # it is built
            over |= {place.path: (now[name], place.owner) for place in found}
    assert {**built(steps, tree), **over} == built(steps, now)
