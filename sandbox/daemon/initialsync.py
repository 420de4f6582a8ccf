"""What a rule of `develop.watch` with `initial_sync` copies at first."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from sandbox.model import WatchRule
from sandbox.reload.change import Copy
from sandbox.reload.ignorefiles import read_rules
from sandbox.reload.layout import Area
from sandbox.reload.patterns import DockerPatterns


def everything(rule: WatchRule) -> Iterator[Copy]:
    """All files of a rule that syncs, in order, without what git or the rule ignores."""
    if rule.target is None:
        return
    if rule.path.is_file():
        yield Copy(rule.path, rule.target)
        return
    left_out, only = DockerPatterns(rule.ignore), DockerPatterns(rule.include)
    for path in _below(rule.path.as_posix()):
        relative = posixpath.relpath(path, rule.path.as_posix())
        if not left_out.match(relative) and (not only or only.match(relative)):
            yield Copy(Path(path), posixpath.join(rule.target, relative))


def _below(top: str) -> Iterator[str]:
    """Without what git ignores, nor anybody wants."""
    rules = read_rules(Area(top), ())
    for folder, folders, names in os.walk(top):
        paths = {name: posixpath.join(folder, name) for name in (*folders, *names)}
        folders[:] = [name for name in sorted(folders) if not rules.ignored(paths[name], folder=True)]
        yield from (paths[name] for name in sorted(names) if not rules.ignored(paths[name], folder=False))
