"""What lies in the watched folders, and what differs from the last look. Reads the disk; starts nothing."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.reload.ignore import ENVIRONMENT_MARK, Ignore, is_output
from sandbox.reload.ignorefiles import DOCKERIGNORE, GITIGNORE, read_rules, text_of
from sandbox.reload.layout import Layout, is_below
from sandbox.reload.settle import Signature

FOLDERS = 20_000
"""Folders that are watched at most; `left_out` says where more would have been."""

_ONE_BY_ONE = 2000
"""Hints up to which single files are looked at; beyond, everything is, since some of a flood may have been lost."""


@dataclass(frozen=True, slots=True)
class Difference:
    path: str
    before: Signature | None
    now: Signature | None


_UNKNOWN = Signature(0, 0, 0, 0)
"""Of a file that was there, in a state that nobody saw."""


class Ground:
    """The files and folders of a layout. Not safe to be used by two threads at once."""

    def __init__(self, layout: Layout, own: Collection[str] = ()) -> None:
        self._config = layout.config
        self._areas = layout.areas
        self._own = own
        self._ignores: dict[str, Ignore] = {}
        self._files: dict[str, Signature] = {}
        self._folders: dict[str, frozenset[str]] = {}  # to the areas (by root) that let it through
        self._links: dict[str, set[str]] = {}  # from what a linked file is to where it is linked
        self._moves = 0
        self._fresh: set[str] = set()
        self.left_out: str | None = None

    def survey(self) -> None:
        self._scan_all()
        self._fresh = set(self._ignores)

    def since(self, other: Ground) -> list[Difference]:
        """What changed since `other` looked at the same files."""
        common = (path for path in self._files if path in other._files or other._wanted(path))
        pairs = [Difference(path, other._files.get(path), self._files[path]) for path in common]
        missing = ((path, found) for path, found in other._files.items() if path not in self._files)
        gone = [Difference(path, found, None) for path, found in missing if self._let_through(path) and _is_gone(path)]
        return [*(pair for pair in pairs if pair.before != pair.now), *gone]

    def written_since(self, moment: float) -> list[Difference]:
        """What was written after it, in seconds since the epoch."""
        new = ((path, found) for path, found in self._files.items() if found.modified / 1e9 > moment)
        return [Difference(path, _UNKNOWN, found) for path, found in new]

    def to_watch(self) -> tuple[frozenset[str], int]:
        """Folders, each without what lies deeper; and a number that changes when one may have been replaced."""
        single = (*self._config, *self._ignores, *self._links)
        return frozenset(self._folders) | {_existing(posixpath.dirname(path)) for path in single}, self._moves

    def areas_of(self, path: str) -> frozenset[str]:
        """The areas whose rules let the file through."""
        known = self._folders.get(posixpath.dirname(path))
        if known is not None:
            found = {root for root in known if not self._ignores[root].ignored(path, folder=False)}
        else:  # it went away with its folder
            found = {root for root, ignore in self._ignores.items() if _through(root, ignore, path)}
        return frozenset(found | ({path} & self._ignores.keys()))

    def look(self, hints: Iterable[str]) -> list[Difference]:
        """What is different at the places that were hinted at."""
        hints = set(hints)
        if len(hints) > _ONE_BY_ONE or any(self._moves_a_root(hint) for hint in hints):
            self._moves += 1
            self._fresh |= self._ignores.keys()
            return self.look_at_all()
        found: list[Difference] = []
        for hint in sorted(hints):
            found += self._look_at(hint)
        return found

    def look_at_all(self) -> list[Difference]:
        before, self._files = self._files, {}
        known, self._folders = self._folders, {}
        self._links = {}
        self._scan_all()
        self._fresh |= self._folders.keys() - known.keys()
        return list(_differences(before, self._files))

    def look_at_fresh(self) -> list[Difference]:
        """Once more at what came: by now it is watched, and before it was not."""
        fresh, known = _tops(self._fresh), set(self._folders)
        found = [item for folder in fresh for item in self._rescan(folder)]
        self._fresh = self._folders.keys() - known
        single = {*self._config, *(link for links in self._links.values() for link in links)}
        return [*found, *(item for path in sorted(single) if (item := self.look_again(path)) is not None)]

    def look_again(self, path: str) -> Difference | None:
        """At one file that is known to be of interest."""
        before, now = self._files.get(path), signature(path)
        if before == now:
            return None
        self._keep(path, now)
        return Difference(path, before, now)

    # --- one hint --------------------------------------------------------------------------------------------------

    def _look_at(self, hint: str) -> Iterator[Difference]:
        for path in (hint, *self._links.get(hint, ())):
            if path in self._folders or (self._reachable(path) and posixpath.isdir(path)):
                yield from self._look_below(path)
            elif posixpath.basename(path) in (GITIGNORE, DOCKERIGNORE) and posixpath.dirname(path) in self._folders:
                yield from self._new_rules(path)
            elif self._wanted(path) and (found := self.look_again(path)) is not None:
                yield found

    def _wanted(self, path: str) -> bool:
        return path in self._files or path in self._config or bool(self._reachable(path) and self.areas_of(path))

    def _let_through(self, path: str) -> bool:
        return path in self._config or bool(self.areas_of(path))

    def _reachable(self, path: str) -> bool:
        return posixpath.dirname(path) in self._folders or path in self._ignores

    def _moves_a_root(self, hint: str) -> bool:
        """A folder in which an area lies came or went."""
        return hint not in self._folders and any(root != hint and is_below(root, hint) for root in self._ignores)

    def _look_below(self, folder: str) -> list[Difference]:
        """A folder came, went, or became another one. Its own parent knows who lets it through."""
        self._moves += 1
        self._fresh.add(folder)
        return self._rescan(folder)

    def _rescan(self, folder: str) -> list[Difference]:
        before = {path: self._files.pop(path) for path in list(self._files) if is_below(path, folder)}
        for known in [path for path in self._folders if is_below(path, folder)]:
            del self._folders[known]
        for root in self._roots_through(folder):
            self._scan(max(folder, root, key=len), root, _identities_above(folder, root))
        now = {path: found for path, found in self._files.items() if is_below(path, folder)}
        return list(_differences(before, now))

    def _roots_through(self, folder: str) -> list[str]:
        above = self._folders.get(posixpath.dirname(folder), frozenset())
        below = [root for root in self._ignores if is_below(root, folder)]
        through = [root for root in above if root not in below and not self._ignores[root].ignored(folder, folder=True)]
        return [*below, *through]

    def _new_rules(self, path: str) -> list[Difference]:
        """An ignore file changed: what it uncovers is there from now on, and no change by itself."""
        known = self._files
        return [item for item in self.look_at_all() if item.path == path or (item.path in known and item.now)]

    # --- everything ------------------------------------------------------------------------------------------------

    def _scan_all(self) -> None:
        self.left_out = None
        self._read_rules()
        for root in self._ignores:
            self._scan(root, root, set())
        for path in self._config:
            self._keep(path, signature(path))

    def _read_rules(self) -> None:
        """One for each area. What a rule names inside a context, and is not ignored there, is held to its rules."""
        found: dict[str, Ignore] = {}
        for area in sorted(self._areas, key=lambda area: (not area.context, area.root)):
            around = max((root for root in found if is_below(area.root, root)), key=len, default=None)
            if not area.context and around is not None and not found[around].ignored_from_top(area.root, folder=True):
                found[area.root] = found[around]
            else:
                found[area.root] = read_rules(area, self._own)
        self._ignores = found

    def _scan(self, folder: str, root: str, seen: set[tuple[int, int]]) -> None:
        """Everything below that the area lets through. Links are followed, but nowhere twice."""
        try:
            found = Path(folder).stat()
            if not stat.S_ISDIR(found.st_mode):
                self._keep(folder, signature(folder))
                return
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: (entry.is_symlink(), entry.name))
        except OSError:
            return  # it went away, or is not for us to read
        if (found.st_dev, found.st_ino) not in seen and self._enter(folder, root, {entry.name for entry in entries}):
            seen.add((found.st_dev, found.st_ino))
            self._scan_entries(entries, root, seen)

    def _enter(self, folder: str, root: str, names: Collection[str]) -> bool:
        if ENVIRONMENT_MARK in names and folder != root:
            return False
        if len(self._folders) >= FOLDERS and folder not in self._folders:
            self.left_out = self.left_out or folder
            return False
        self._folders[folder] = self._folders.get(folder, frozenset()) | {root}
        if GITIGNORE in names:
            self._ignores[root].use_gitignore(folder, text_of(posixpath.join(folder, GITIGNORE)))
        return True

    def _scan_entries(self, entries: list[os.DirEntry[str]], root: str, seen: set[tuple[int, int]]) -> None:
        names, ignore = {entry.name for entry in entries}, self._ignores[root]
        for entry in entries:
            if not _is_folder(entry):
                if not ignore.ignored(entry.path, folder=False):
                    self._keep(entry.path, signature(entry.path), entry.is_symlink())
            elif not is_output(entry.name, names) and not ignore.ignored(entry.path, folder=True):
                self._scan(entry.path, root, seen)

    def _keep(self, path: str, now: Signature | None, link: bool | None = None) -> None:
        if now is None:
            self._files.pop(path, None)
            return
        self._files[path] = now
        if posixpath.islink(path) if link is None else link:
            self._links.setdefault(posixpath.realpath(path), set()).add(path)


def signature(path: str) -> Signature | None:
    """Of what the path leads to; None when that is no file."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Signature(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def _is_gone(path: str) -> bool:
    return signature(path) is None


def _differences(before: dict[str, Signature], now: dict[str, Signature]) -> Iterator[Difference]:
    for path in sorted(before.keys() | now.keys()):
        if before.get(path) != now.get(path):
            yield Difference(path, before.get(path), now.get(path))


def _through(root: str, ignore: Ignore, path: str) -> bool:
    return is_below(path, root) and not ignore.ignored_from_top(path, folder=False)


def _tops(folders: Iterable[str]) -> list[str]:
    """Without those that lie in another one of them."""
    found: list[str] = []
    for folder in sorted(folders):
        if not any(is_below(folder, top) for top in found):
            found.append(folder)
    return found


def _identities_above(folder: str, root: str) -> set[tuple[int, int]]:
    """So that a link to a folder that we come from leads nowhere."""
    found: set[tuple[int, int]] = set()
    for path in Path(folder).parents:
        if path.is_relative_to(root):
            with suppress(OSError):
                above = path.stat()
                found.add((above.st_dev, above.st_ino))
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads in a circle


def _existing(folder: str) -> str:
    """The folder, or the nearest one above it that is there."""
    while not posixpath.isdir(folder) and folder != "/":
        folder = posixpath.dirname(folder)
    return folder
