"""Which files below one folder are nobody's business. Pure: the texts of ignore files are handed in."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from sandbox.reload.patterns import DockerPatterns, GitPatterns, NamePatterns

DEFAULTS = NamePatterns(
    """
.git
.hg/
.svn/
.jj/
.bzr/
CVS/

.venv/
venv/
virtualenv/
node_modules/
bower_components/
.yarn/
.pnpm-store/
__pypackages__/

__pycache__/
*.py[cod]
*.class
*.egg-info/
.eggs/
.pytest_cache/
.mypy_cache/
.ruff_cache/
.hypothesis/
.tox/
.nox/
.cache/
.gradle/
.next/
.nuxt/
.parcel-cache/
.svelte-kit/
.turbo/
.ipynb_checkpoints/
.nyc_output/
htmlcov/
.coverage
.coverage.*
*.tsbuildinfo

.idea/
.vscode/
.vs/
.fleet/
*~
.*.sw[a-z]
*.sw[op]
.*.un~
4913
.#*
#*#
*.bak
*.orig
*.rej
*.tmp
.goutputstream-*
*___jb_tmp___
*___jb_old___
*.kate-swp
*.crswap
.~lock.*#
.DS_Store
._*
Thumbs.db
.nfs*
.fuse_hidden*

*.log
*.pid
*.sock
nohup.out
*.sqlite
*.sqlite3
*.db
*-journal
*.db-wal
*.db-shm
*.sqlite*-wal
*.sqlite*-shm
dump.rdb
core.[0-9]*
"""
)
"""Version control, environments, caches, what editors leave for a moment, logs, and databases in a file."""

OUTPUTS = {
    "target": frozenset({"pom.xml", "Cargo.toml"}),
    "build": frozenset({"build.gradle", "build.gradle.kts", "setup.py"}),
}
"""Folders whose names say little: the output of a tool whose file lies beside them."""

ENVIRONMENT_MARK = "pyvenv.cfg"
"""A folder with this file is a Python environment, whatever it is called."""


class Ignore:
    """The rules for the tree below `root`. Paths are absolute; the caller asks from the top down, folder by folder."""

    def __init__(self, root: str, own: Iterable[str] = ()) -> None:
        self.root = root
        self._own = frozenset(own)
        self._git: dict[str, GitPatterns] = {}
        self._exclude: tuple[str, GitPatterns] | None = None
        self._docker = DockerPatterns(())
        self._kept: frozenset[str] = frozenset()

    def use_gitignore(self, folder: str, text: str) -> None:
        """The .gitignore of a folder: below the root, the root's, or above it up to the repository's top."""
        self._git[folder] = GitPatterns(text)

    def use_exclude(self, top: str, text: str) -> None:
        """The repository's own exclude file, which every .gitignore comes before."""
        self._exclude = (top, GitPatterns(text))

    def forget_git(self) -> None:
        self._git, self._exclude = {}, None

    def use_dockerignore(self, text: str, kept: Iterable[str]) -> None:
        """`kept` are absolute paths that Docker reads whatever the file says: the Dockerfile."""
        self._docker, self._kept = DockerPatterns(text.splitlines()), frozenset(kept)

    def ignored(self, path: str, *, folder: bool) -> bool:
        """Whether this one is, given that the folder it lies in is not."""
        if path in self._own:
            return True
        return self._ignored_by_git(path, folder) or self._ignored_by_docker(path, folder)

    def ignored_from_top(self, path: str, *, folder: bool) -> bool:
        """Whether it is, or any folder between the root and it."""
        relative = path[len(self.root) :].strip("/")
        here = self.root
        *folders, _ = relative.split("/")
        for name in folders:
            here = posixpath.join(here, name)
            if self.ignored(here, folder=True):
                return True
        return self.ignored(path, folder=folder)

    def _ignored_by_git(self, path: str, folder: bool) -> bool:
        """The deepest file that speaks of the path decides; the defaults come last, so that `!` takes them back."""
        for holder, patterns in self._speakers(path):
            verdict = patterns.verdict(path[len(holder) :].lstrip("/"), folder=folder)
            if verdict is not None:
                return verdict
        return DEFAULTS.match(posixpath.basename(path), folder=folder)

    def _speakers(self, path: str) -> Iterator[tuple[str, GitPatterns]]:
        for holder in sorted((known for known in self._git if path.startswith(f"{known}/")), key=len, reverse=True):
            yield holder, self._git[holder]
        if self._exclude is not None:
            yield self._exclude

    def _ignored_by_docker(self, path: str, folder: bool) -> bool:
        if not self._docker or path in self._kept:
            return False
        if folder and self._docker.takes_back:
            return False  # something below may be taken back
        return self._docker.match(path[len(self.root) :].lstrip("/"))


def is_output(name: str, siblings: Iterable[str]) -> bool:
    return not OUTPUTS.get(name, frozenset()).isdisjoint(siblings)
