"""What the operating system tells of folders."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.reload import notify
from sandbox.reload.notify import Watchfiles

OpenSource = Callable[..., Watchfiles]


@pytest.fixture
def source() -> Iterator[OpenSource]:
    """Opens one, which is closed afterwards."""
    opened: list[Watchfiles] = []

    def opens(*folders: Path) -> Watchfiles:
        opened.append(Watchfiles([str(folder) for folder in folders]))
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


def test_in_a_quiet_time_it_looks_less_often_and_hears_all_the_same(
    source: OpenSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "AWAKE", 20)
    watch = source(tmp_path)
    for name in ("a.py", "b.py"):
        threading.Timer(0.2, (tmp_path / name).touch).start()
        assert watch.news() == {str(tmp_path / name)}


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        Watchfiles([str(tmp_path), str(tmp_path / "nowhere")])
