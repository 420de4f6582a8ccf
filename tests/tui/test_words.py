from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.control import Status, TelemetrySnapshot, WatchState, WatchStatus
from sandbox.tui import words
from sandbox.tui.words import Tone
from tests.fakes import data

NO_TRAFFIC = TelemetrySnapshot(at=data.NOW, services={}, edges=())


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_word_a_symbol_of_its_own_and_a_tone(status: Status) -> None:
    text = words.status_text(status)

    assert text.endswith(f" {status}")
    assert len(set(words.SYMBOLS.values())) == len(Status)
    assert isinstance(words.TONES[status], Tone)


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.14, "0.1"), (9.94, "9.9"), (9.96, "10"), (999.4, "999"), (12_345, "12.3k")]
)
def test_rates(value: float, shown: str) -> None:
    assert words.rate(value) == shown


@pytest.mark.parametrize(("ratio", "shown"), [(0, "0"), (0.0001, "<0.1"), (0.025, "2.5"), (0.25, "25"), (1.0, "100")])
def test_percentages(ratio: float, shown: str) -> None:
    assert words.percent(ratio) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.3, "<1ms"), (3.2, "3ms"), (999.6, "1.0s"), (1234, "1.2s"), (45_000, "45s"), (180_000, "3m")],
)
def test_latencies(value: float | None, shown: str) -> None:
    assert words.milliseconds(value) == shown


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ((Status.HEALTHY, Status.HEALTHY), ("● healthy", Tone.GOOD)),
        ((Status.HEALTHY, Status.STOPPED), ("● healthy, 1 stopped", Tone.GOOD)),
        ((Status.HEALTHY, Status.STARTING), ("◐ 1 of 2 healthy", Tone.BUSY)),
        ((Status.BACKOFF, Status.STARTING), ("✗ 1 of 2 in trouble", Tone.BAD)),
        ((Status.STOPPED, Status.STOPPING), ("■ stopped", Tone.OFF)),
    ],
)
def test_the_whole_in_a_few_words(statuses: tuple[Status, ...], said: tuple[str, Tone]) -> None:
    services = [data.service(f"s{index}", status=status) for index, status in enumerate(statuses)]

    assert words.overall(data.project(*services)) == said


def test_nothing_is_called_healthy_while_an_alert_fires() -> None:
    healthy, failing = data.service("orders"), data.service("pantry", status=Status.BACKOFF)

    assert words.overall(data.project(healthy), firing=1) == ("✗ 1 alert", Tone.BAD)
    assert words.overall(data.project(healthy), firing=2) == ("✗ 2 alerts", Tone.BAD)
    assert words.overall(data.project(healthy, failing), firing=2) == ("✗ 1 of 2 in trouble", Tone.BAD)


def test_without_its_proxy_nothing_is_well() -> None:
    project = data.project()
    project = replace(project, proxy=replace(project.proxy, status=Status.BACKOFF))

    assert words.overall(project) == ("↻ proxy backoff", Tone.BAD)


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (200, "bakery · http://127.0.0.1:8080 · ui http://127.0.0.1:8090 · process runtime"),
        (60, "bakery · http://127.0.0.1:8080 · ui http://127.0.0.1:8090"),
        (32, "bakery · http://127.0.0.1:8080"),
        (5, "bakery"),
    ],
)
def test_the_header_says_what_there_is_room_for(room: int, said: str) -> None:
    assert words.header(data.project(), room) == said


def test_a_healthy_service_tells_where_it_is() -> None:
    storefront, orders, _ = data.services()

    assert words.detail(storefront, None)[0] == "storefront · http://storefront.localhost:8080/ · calls orders"
    assert words.detail(orders, None)[0] == "orders · port 8000 · calls steamer"
    assert words.detail(orders, orders.instances[0])[0] == "orders-v1-1 · 127.0.0.1:43121 · pid 4242 · calls steamer"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("exit code 1", "↻ steamer: exit code 1"),
        ("steamer-v2-1: exit code 1", "↻ steamer-v2-1: exit code 1"),
        (None, "↻ steamer is backoff"),
    ],
)
def test_an_ailing_service_tells_why(reason: str | None, said: str) -> None:
    service = data.service("steamer", status=Status.BACKOFF, reason=reason)

    assert words.detail(service, None) == (said, Tone.BAD)


def test_before_any_traffic_the_first_step_is_told() -> None:
    said = words.hint(data.project(), NO_TRAFFIC)
    assert said == "no traffic yet: g sends some, or open http://storefront.localhost:8080/"
    assert words.hint(data.project(), data.telemetry()) == ""
    assert words.hint(data.project(), None) == ""
    assert (
        words.hint(data.project(data.service("storefront", status=Status.STARTING, url="http://x/")), NO_TRAFFIC) == ""
    )
    assert "public: true" in words.hint(data.project(data.service("orders")), NO_TRAFFIC)


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        (WatchStatus(), ""),
        (WatchStatus(state=WatchState.OFF), "‖ not watching: saves reload nothing · w watches"),
        (WatchStatus(state=WatchState.PAUSED), "‖ paused: saves wait · w resumes"),
        (
            WatchStatus(state=WatchState.PAUSED, waiting={"orders": 1}),
            "‖ paused: 1 saved file waits (orders) · w applies and resumes",
        ),
        (
            WatchStatus(state=WatchState.PAUSED, waiting={"orders": 1, "": 1}),
            "‖ paused: 2 saved files wait (orders, configuration) · w applies and resumes",
        ),
    ],
)
def test_why_saves_reload_nothing(watch: WatchStatus, said: str) -> None:
    assert words.watch(watch) == said


def test_an_event_has_its_time_and_a_symbol() -> None:
    _, _, exited = data.events()

    assert words.event_line(exited) == ("00:00:02 ✗ steamer-v2-1 exited with code 1", Tone.BAD)


def test_sizes_cores_times_and_shares() -> None:
    assert [words.size(number) for number in (0, 900, 2048, 50 * 2**20, 3 * 2**30)] == [
        "0B",
        "900B",
        "2K",
        "50M",
        "3.0G",
    ]
    assert [words.cores(number) for number in (0.0, 0.002, 0.05, 2.4)] == ["0%", "<1%", "5%", "240%"]
    assert [words.seconds(number) for number in (-1, 4, 125, 11_400, 200_000)] == ["0s", "4s", "2m05s", "3h10m", "2d"]
    assert words.shares({"v1": 9.0, "v2": 1.0}) == "v1 90%, v2 10%"
    assert words.shares({"v1": 0.0, "v2": 0.0}) == "v1, v2"
