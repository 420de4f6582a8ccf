"""git's own answers are the reference for git's patterns."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.reload.ignore import Ignore
from sandbox.reload.patterns import DockerPatterns

FILES = [
    "a",
    "b.py",
    "x.log",
    "lib/a",
    "lib/b.py",
    "lib/x.log",
    "lib/deep/a",
    "lib/deep/x.log",
    "out/a",
    "out/lib/b.py",
]

WORDS = st.sampled_from(["a", "*.py", "*.log", "lib", "deep", "out", "*", "?", "b.*", "[ab]", "**", "x.log"])
LINES = st.builds(
    lambda mark, front, words, end: f"{mark}{front}{'/'.join(words)}{end}",
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(WORDS, min_size=1, max_size=2),
    st.sampled_from(["", "", "/"]),
)
TEXTS = st.lists(LINES, max_size=4).map("\n".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def ignored_by_git(folder: Path) -> set[str]:
    asked = subprocess.run(
        ["git", "-C", str(folder), "check-ignore", "--stdin"],
        input="\n".join(FILES),
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": "", "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return set(asked.stdout.split())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=TEXTS, nested=TEXTS)
def test_as_git_ignores(repository: Path, top: str, nested: str) -> None:
    (repository / ".gitignore").write_text(top)
    (repository / "lib" / ".gitignore").write_text(nested)
    ignore = Ignore(str(repository))
    ignore.use_gitignore(str(repository), top)
    ignore.use_gitignore(str(repository / "lib"), nested)

    ours = {name for name in FILES if ignore.ignored_from_top(str(repository / name), folder=False)}

    by_default = {name for name in FILES if name.endswith(".log")}
    assert ours - by_default == ignored_by_git(repository) - by_default


@pytest.mark.parametrize(
    ("lines", "path", "matches"),
    [
        (["node_modules"], "node_modules/x/index.js", True),
        (["node_modules"], "lib/node_modules/x", False),  # Docker's patterns start at the root
        (["**/node_modules"], "lib/node_modules/x", True),
        (["/docs/"], "docs/a.md", True),
        (["./docs"], "docs/a.md", True),
        (["*.md"], "README.md", True),
        (["*.md"], "docs/README.md", False),
        (["*", "!src"], "src/app.py", False),
        (["*", "!src"], "other.py", True),
        (["*", "!src", "src/*.tmp"], "src/a.tmp", True),
        (["# a comment", "", "  a  "], "a", True),
        (["."], "anything/at/all", True),
        (["../elsewhere"], "elsewhere", False),
    ],
)
def test_docker_patterns(lines: list[str], path: str, matches: bool) -> None:
    assert DockerPatterns(lines).match(path) is matches
