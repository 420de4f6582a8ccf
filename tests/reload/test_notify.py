"""What the operating system tells of folders, by either way of asking it."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.reload.inotify import Inotify
from sandbox.reload.notify import Source, Watchfiles, open_source

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
OpenSource = Callable[..., Source]


@pytest.fixture(params=[pytest.param(Inotify, marks=on_linux), Watchfiles])
def source(request: pytest.FixtureRequest) -> Iterator[OpenSource]:
    """Opens one of the kind, which is closed afterwards."""
    opened: list[Source] = []

    def opens(*folders: Path) -> Source:
        opened.append(request.param([str(folder) for folder in folders]))
        return opened[-1]

    yield opens
    for one in opened:
        one.close()


def test_news_are_paths_of_files_that_changed_in_the_folder(source: OpenSource, tmp_path: Path) -> None:
    watch = source(tmp_path)
    (tmp_path / "app.py").write_text("one")
    (tmp_path / "naïve name.py").write_text("one")
    news: set[str] = set()
    while len(news) < 2:
        news |= set(watch.news() or ())
    assert news == {str(tmp_path / "app.py"), str(tmp_path / "naïve name.py")}


def test_what_lies_deeper_is_no_news(source: OpenSource, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    watch = source(tmp_path)
    (tmp_path / "deep" / "a.py").write_text("one")
    (tmp_path / "b.py").write_text("one")
    assert str(tmp_path / "deep" / "a.py") not in set(watch.news() or ())


def test_told_to_end_there_is_nothing_more(source: OpenSource, tmp_path: Path) -> None:
    watch = source(tmp_path)
    threading.Timer(0.01, watch.end).start()
    assert watch.news() is None
    assert watch.news() is None


@on_linux
def test_a_folder_that_goes_is_news_itself(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    watch = Inotify([str(folder)])
    shutil.rmtree(folder)
    assert watch.news() == {str(folder)}
    watch.end()
    watch.close()


@on_linux
def test_a_folder_with_two_paths_is_told_by_both(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    watch = Inotify([str(tmp_path / "real"), str(tmp_path / "link")])
    (tmp_path / "real" / "a.py").touch()
    assert watch.news() == {str(tmp_path / "real" / "a.py"), str(tmp_path / "link" / "a.py")}
    watch.end()
    watch.close()


@on_linux
def test_more_than_the_kernel_keeps_is_news_of_every_folder(tmp_path: Path) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 100_000:
        pytest.skip("this kernel keeps very many")
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.touch()
    watch = Inotify([str(tmp_path)])
    for _ in range(most // 2 + 10):
        for path in paths:
            os.utime(path)
    news: set[str] = set()
    while str(tmp_path) not in news:
        news |= watch.news() or set()
    watch.end()
    watch.close()


@on_linux
def test_a_folder_that_is_not_there_is_refused_by_name_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = open_files()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        open_source([str(tmp_path), str(tmp_path / "nowhere")])
    assert open_files() <= before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
