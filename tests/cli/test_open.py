"""`sandbox open`: links for browsers."""

from __future__ import annotations

import webbrowser

import pytest

from sandbox.cli.main import main
from tests.fakes import data
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was opened; there is a screen."""
    urls: list[str] = []

    def open(url: str) -> bool:
        urls.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open)
    monkeypatch.setenv("DISPLAY", ":0")
    return urls


def test_a_service_is_opened_where_it_is(bakery: FakeControl, capsys: Output, opened: list[str]) -> None:
    url = next(service.url for service in data.project().services if service.name == "storefront")
    assert main(["open", "storefront"]) == 0
    assert opened == [url]
    assert capsys.readouterr().out == f"{url}\n"


def test_it_may_only_print(bakery: FakeControl, opened: list[str]) -> None:
    assert main(["open", "storefront", "--print"]) == 0
    assert opened == []


def test_without_a_screen_the_link_is_to_be_copied(
    bakery: FakeControl, capsys: Output, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["open", "storefront"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("http://")
    assert said.err == "there is no browser to open it here: copy the link\n"
    assert opened == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["orders"], "error: orders: is not public"),
        (["oders"], "error: oders: no such service"),
        (["storefront", "--look"], "error: a service is opened as it is"),
    ],
)
def test_what_can_not_be_opened(bakery: FakeControl, capsys: Output, words: list[str], error: str) -> None:
    assert main(["open", *words]) == 2
    assert capsys.readouterr().err.startswith(error)


def test_the_cockpit_needs_its_port(bakery: FakeControl, capsys: Output) -> None:
    assert main(["open"]) == 3
    assert "the page is not served" in capsys.readouterr().err
