"""`sandbox attach` and `sandbox screenshot`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.cli.cockpit import examine, size_of
from sandbox.cli.main import main
from sandbox.errors import UsageError
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


def test_without_a_terminal_the_screen_says_what_to_type(bakery: FakeControl, capsys: Output) -> None:
    assert main(["attach"]) == 2
    assert capsys.readouterr().err == (
        "error: the cockpit needs a terminal\nhint: see the same as text: sandbox ps, sandbox logs -f\n"
    )


def test_a_screen_is_written_as_a_picture_that_stands_alone(
    bakery: FakeControl, capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["screenshot", "--screen", "map", "--size", "100x30"]) == 0
    assert capsys.readouterr().out == "sandbox-map.svg\n"
    picture = (tmp_path / "sandbox-map.svg").read_text()
    assert picture.startswith("<svg")
    assert "steamer" in picture
    assert "url(" not in picture.replace("url(#", "")


@pytest.mark.parametrize("words", [["--png"], ["--to", "sandbox-map.png"]])
def test_a_picture_in_pixels(
    bakery: FakeControl, capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["screenshot", "--screen", "map", "--size", "40x12", *words]) == 0
    assert capsys.readouterr().out == "sandbox-map.png\n"
    assert (tmp_path / "sandbox-map.png").read_bytes().startswith(b"\x89PNG")


def test_the_charts_of_a_service(bakery: FakeControl, tmp_path: Path) -> None:
    file = tmp_path / "orders.svg"
    assert main(["screenshot", "--service", "orders", "--to", str(file)]) == 0
    assert "environment" in file.read_text()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--to", "x.gif"], "error: x.gif: pictures are SVG or PNG"),
        (["--png", "--to", "x.svg"], "error: x.svg: is named as SVG"),
        (["--size", "huge"], "error: 'huge' is no size"),
        (["--service", "oders"], "error: oders: no such service"),
        (["--to", "/nowhere/x.svg"], "error: /nowhere/x.svg: can't be written"),
    ],
)
def test_what_can_not_be_a_picture(bakery: FakeControl, capsys: Output, words: list[str], error: str) -> None:
    assert main(["screenshot", *words]) in (1, 2)
    assert capsys.readouterr().err.startswith(error)


@pytest.mark.parametrize("text", ["80x24", "400x200"])
def test_sizes(text: str) -> None:
    assert size_of(text) == tuple(map(int, text.split("x")))


@pytest.mark.parametrize("text", ["80", "10x10", "80x24x1", "999x24", "0x0"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        size_of(text)


async def test_the_machine_is_looked_at() -> None:
    assert any("python" in one.what.lower() for one in await examine())
