"""Wishes reach the supervisor as typed."""

from __future__ import annotations

import pytest

from sandbox.cli.lifecycle import parse_wishes
from sandbox.cli.main import main
from sandbox.errors import UsageError
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


@pytest.mark.parametrize(("verb", "doing"), [("start", "starting"), ("stop", "stopping"), ("restart", "restarting")])
def test_for_all_and_for_some(bakery: FakeControl, capsys: Output, verb: str, doing: str) -> None:
    assert main([verb]) == 0
    assert main([verb, "orders", "steamer"]) == 0

    assert bakery.calls == [(verb, ()), (verb, ("orders", "steamer"))]
    assert capsys.readouterr().out == f"{doing} all services\n{doing} orders, steamer\n"


def test_an_unknown_service_is_bad_usage(bakery: FakeControl, capsys: Output) -> None:
    assert main(["restart", "oders"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: oders: no such service",
        "hint: there are orders, steamer, storefront",
    ]


def test_scale(bakery: FakeControl, capsys: Output) -> None:
    assert main(["scale", "orders=3", "steamer@v2=0"]) == 0

    assert bakery.calls == [("scale", "orders", 3, None), ("scale", "steamer", 0, "v2")]
    assert capsys.readouterr().out == "scaling orders to 3\nscaling steamer@v2 to 0\n"


def test_nothing_is_scaled_when_one_wish_is_no_wish(bakery: FakeControl, capsys: Output) -> None:
    assert main(["scale", "orders=3", "steamer"]) == 2

    assert bakery.calls == []
    assert "'steamer' is not SERVICE=N" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["orders", "orders=", "=3", "orders=-1", "orders=x", "orders@=3", "orders=²", "@v1=2"])
def test_what_is_no_wish(word: str) -> None:
    with pytest.raises(UsageError):
        parse_wishes([word])
