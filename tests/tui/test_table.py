from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sandbox.control import ServiceStatus, Status
from sandbox.tui.grid import Row, fit, placed
from sandbox.tui.table import COLUMNS, rows
from sandbox.tui.words import Tone
from tests.fakes import data

CALM = data.project()


def names(found: tuple[Row, ...]) -> list[str]:
    return [row.key for row in found]


def shown(row: Row, *columns: str) -> list[str]:
    return [row.cells[column].text for column in columns]


def with_status(service: ServiceStatus, status: Status) -> ServiceStatus:
    return replace(service, status=status)


def test_the_order_is_as_declared_with_trouble_first() -> None:
    store, orders, steamer = data.services()
    project = data.project(store, with_status(orders, Status.UNHEALTHY), with_status(steamer, Status.FAILED))

    assert names(rows(CALM, None)) == ["storefront", "orders", "steamer"]
    assert names(rows(project, None)) == ["orders", "steamer", "storefront"]


@pytest.mark.parametrize("status", [Status.STARTING, Status.BUILDING])
def test_what_is_on_its_way_stays_in_its_place(status: Status) -> None:
    store, orders, steamer = data.services()

    assert names(rows(data.project(store, orders, with_status(steamer, status)), None))[-1] == "steamer"


def test_the_cells_of_a_service() -> None:
    steamer = rows(CALM, data.telemetry())[0]  # its errors are trouble

    assert shown(steamer, "service", "status", "version", "ready") == ["steamer", "✗ failing 10 %", "v1, v2", "2/2"]
    assert shown(steamer, "rate", "errors", "p50", "p95", "p99") == ["12", "10", "3ms", "112ms", "220ms"]
    assert steamer.cells["errors"].tone is Tone.BAD
    assert steamer.cells["address"] == ("127.0.0.1:43121 +1", Tone.PLAIN, ":43121…")


def test_without_traffic_there_are_dashes_not_zeros() -> None:
    idle = replace(data.telemetry(), services={"orders": data.signals(rate=0.0, p50=None, p99=None)})
    store, orders, _ = rows(CALM, idle)

    assert shown(store, "rate", "errors", "p50", "p95", "p99") == ["–"] * 5
    assert shown(orders, "rate", "errors", "p50", "p95", "p99") == ["0", *["–"] * 4]


def test_opened_a_service_shows_its_instances_and_versions_without_any() -> None:
    steamer = data.service("steamer", versions=("v1", "v2"), instances=(data.instance("steamer-v1-1"),))
    service, first, second = rows(data.project(steamer), None, {"steamer"})

    assert [service.key, first.key, second.key] == ["steamer", "steamer-v1-1", "steamer@v2"]
    assert shown(first, "service", "status", "address") == ["  v1-1", "● healthy", "127.0.0.1:43121"]
    assert (first.version, second.version, shown(second, "status")) == ("v1", "v2", ["none"])


def test_the_filter_looks_into_names() -> None:
    assert names(rows(CALM, None, (), "or")) == ["storefront", "orders"]
    assert rows(CALM, None, (), "zzz") == ()


@pytest.mark.parametrize(
    ("room", "columns", "short"),
    [
        (160, 15, False),
        (79, 11, True),
        (60, 8, True),
        (40, 5, True),
        (10, 2, True),
    ],
)
def test_columns_leave_by_weight_when_room_gets_scarce(room: int, columns: int, short: bool) -> None:
    layout = fit(COLUMNS, rows(CALM, data.telemetry()), room)

    assert (len(layout.columns), layout.short) == (columns, short)
    assert [column.name for column, _ in layout.columns][:2] == ["service", "status"]


@given(st.integers(25, 250), st.text("abcdefgh", min_size=1, max_size=40))
def test_a_line_never_needs_more_than_the_room(room: int, name: str) -> None:
    layout = fit(COLUMNS, rows(data.project(data.service(name)), data.telemetry()), max(room, 45))

    assert layout.width <= max(room, 45)


def test_texts_are_put_into_their_width() -> None:
    service, ready = COLUMNS[0], COLUMNS[3]

    assert placed("orders", service, 8) == "orders  "
    assert placed("1/1", ready, 5) == "  1/1"
    assert placed("recommendations", service, 8) == "recomme…"


@pytest.mark.parametrize("width", range(9))
@pytest.mark.parametrize("text", ["日月火", "a日b", "buns", ""])
def test_wide_characters_take_no_more_room_than_there_is(text: str, width: int) -> None:
    assert cell_len(placed(text, COLUMNS[0], width)) == width
