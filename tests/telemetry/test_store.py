"""Numbers over time on a real disk, with all that can happen to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.control import Metric, MetricsAnswer, MetricsQuery
from sandbox.errors import UsageError
from sandbox.telemetry import database, store
from sandbox.telemetry.columns import EdgeKey, InstanceKey, SeriesKey
from sandbox.telemetry.database import Unwritable
from sandbox.telemetry.query import answered, plan
from sandbox.telemetry.store import CLOCK, Store

START = 1_767_225_600  # 2026-01-01T00:00:00Z, the beginning of a day
ORDERS = EdgeKey("web", "orders", "v1")
STEAMER = EdgeKey("orders", "steamer", "v1")
WEB = InstanceKey("web", "v1", "web-v1-1")


class Kept:
    """A store, what it said, and the time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self.now = START
        self.store = Store(path, self.said.append)

    def again(self) -> None:
        """As after a supervisor that was killed."""
        self.store._database.close()
        self.store = Store(self.path, self.said.append)

    def second(self, **parts: int) -> None:
        """One second with so many requests to orders, or to whatever is named."""
        self.write({ORDERS: parts or {"requests": 1}})

    def write(self, parts: Mapping[SeriesKey, Mapping[str, int]]) -> None:
        self.store.write(self.now, 1000, parts)
        self.now += 1

    def ask(self, *metrics: Metric, **asked: object) -> MetricsAnswer:
        chosen = plan(MetricsQuery(metrics=metrics, **asked), self.now, 1.0)  # type: ignore[arg-type]
        keys = [CLOCK, *(key for key in self.store.known() if chosen.fits(key))]
        return answered(chosen, self.store.read(keys, chosen.start, chosen.end, chosen.kept_step, chosen.wanted()))

    def requests(self, step: float = 1, seconds: float = 900) -> float:
        """All that are known of the last seconds."""
        found = self.ask(Metric.REQUESTS, step=step, since=self.now - seconds)
        return sum((value or 0.0) * found.step for one in found.series for value in one.values)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    found = Kept(tmp_path / "numbers.db")
    yield found
    found.store.close()


def test_seconds_are_kept_one_by_one(kept: Kept) -> None:
    for amount in (5, 0, 7):
        kept.second(requests=amount)

    found = kept.ask(Metric.REQUESTS, since=START - 2, until=START + 3, step=1)

    assert (found.start, found.step) == (START - 2, 1.0)
    assert found.series[0].values == (None, None, 5.0, 0.0, 7.0)


def test_the_file_is_nobodys_business(kept: Kept) -> None:
    assert [oct(path.stat().st_mode & 0o777) for path in kept.path.parent.iterdir()] == ["0o600"] * 3


@pytest.mark.parametrize("seconds", [30, 70, 130])
def test_a_killed_supervisor_loses_no_second(kept: Kept, seconds: int) -> None:
    for _ in range(seconds):
        kept.second()
    kept.again()
    for _ in range(10):
        kept.second()

    assert kept.requests() == seconds + 10
    assert kept.requests(step=10) == pytest.approx(seconds + 10)
    assert kept.said == []


def test_longer_times_have_longer_steps_and_the_same_sums(kept: Kept) -> None:
    for _ in range(1200):
        kept.second(requests=2)

    for step, seconds in ((1, 600), (10, 1200), (60, 1200)):
        found = kept.ask(Metric.REQUESTS, step=step, since=kept.now - seconds)
        assert found.step == step
        assert set(found.series[0].values) <= {2.0, None}
        assert sum(value is not None for value in found.series[0].values) == seconds / step


def test_what_is_too_old_goes(kept: Kept) -> None:
    kept.second()
    kept.now += 18 * 60
    for _ in range(61):
        kept.second()

    with sqlite3.connect(kept.path) as file:
        steps = [row[0] for row in file.execute("SELECT DISTINCT step FROM chunk WHERE start < ?", (START + 60,))]

    assert sorted(steps) == [10, 60]


def test_beyond_its_size_the_oldest_goes_first(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MOST_BYTES", 60_000)
    for minute in range(40):
        kept.now = START + minute * 3600
        kept.write({EdgeKey("web", f"host-{number}", "external"): {"requests": number} for number in range(1, 20)})
    kept.now += 3600
    kept.second()

    assert kept.path.stat().st_size < 400_000
    assert kept.requests(step=60, seconds=2 * 3600) > 0
    assert kept.said == []


def test_quantiles_are_those_of_the_merged_buckets(kept: Kept) -> None:
    kept.write({ORDERS: {"le.10": 98}, STEAMER: {"le.1000": 2}})

    found = kept.ask(Metric.P50, Metric.P99, step=60, since=START)
    apart = kept.ask(Metric.P99, step=60, since=START, by=("callee",))

    assert [round(one.values[0] or 0, 2) for one in found.series] == [9.02, 900.0]
    assert {one.labels["callee"]: round(one.values[0] or 0) for one in apart.series} == {"orders": 10, "steamer": 998}


def test_gauges_are_means_and_each_instance_has_its_own(kept: Kept) -> None:
    other = InstanceKey("web", "v1", "web-v1-2")
    for second in range(10):
        parts: dict[SeriesKey, Mapping[str, int]] = {ORDERS: {"active": second % 2}}
        if second % 5 == 0:
            parts[WEB] = {"cpu": 500, "memory": 1000, "readings": 1, "restarts": second // 5}
        if second == 5:
            parts[other] = {"cpu": 1500, "memory": 3000, "readings": 1}
        kept.write(parts)

    metrics = (Metric.ACTIVE, Metric.CPU, Metric.MEMORY, Metric.RESTARTS)
    found = kept.ask(*metrics, step=10, since=START, until=START + 10)

    assert {one.metric: one.values for one in found.series} == {
        Metric.ACTIVE: (0.5,),
        Metric.CPU: (2.0,),
        Metric.MEMORY: (4000.0,),
        Metric.RESTARTS: (1.0,),
    }


def test_by_code_and_flag(kept: Kept) -> None:
    kept.write({ORDERS: {"requests": 5, "code.200": 4, "code.503": 1, "flag.UF": 1, "errors": 1}})

    codes = kept.ask(Metric.REQUESTS, step=1, since=START, by=("code",))
    flags = kept.ask(Metric.REQUESTS, step=1, since=START, by=("callee", "flag"))
    ratio = kept.ask(Metric.ERROR_RATIO, step=1, since=START)

    assert [(dict(one.labels), one.values[0]) for one in codes.series] == [
        ({"code": "200"}, 4.0),
        ({"code": "503"}, 1.0),
    ]
    assert [dict(one.labels) for one in flags.series] == [{"callee": "orders", "flag": "UF"}]
    assert ratio.series[0].values[0] == 0.2


def test_by_route(kept: Kept) -> None:
    fast = {"route.web rule 1": 5, "route_le.10|web rule 1": 5}
    slow = {"route.web default": 4, "route_errors.web default": 1, "route_le.200|web default": 4}
    kept.write({ORDERS: {"requests": 9, "errors": 1, "le.5": 9, **fast, **slow}})

    metrics = (Metric.REQUESTS, Metric.ERROR_RATIO, Metric.P99)
    found = kept.ask(*metrics, step=1, since=START, by=("callee", "route"))

    assert {one.labels["callee"] for one in found.series} == {"orders"}
    by_route = {(one.labels["route"], one.metric): one.values[0] for one in found.series}
    assert (by_route[("web rule 1", Metric.REQUESTS)], by_route[("web default", Metric.REQUESTS)]) == (5.0, 4.0)
    assert (by_route[("web rule 1", Metric.ERROR_RATIO)], by_route[("web default", Metric.ERROR_RATIO)]) == (0.0, 0.25)
    assert 8 < (by_route[("web rule 1", Metric.P99)] or 0) <= 10
    assert 150 < (by_route[("web default", Metric.P99)] or 0) <= 200


@pytest.mark.parametrize(
    ("metric", "by"),
    [(Metric.RETRIES, ("route",)), (Metric.REQUESTS, ("route", "code")), (Metric.P99, ("flag",))],
)
def test_what_cant_be_kept_apart(kept: Kept, metric: Metric, by: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="kept apart"):
        kept.ask(metric, since=START, by=by)


def test_only_what_is_asked_for(kept: Kept) -> None:
    kept.write({ORDERS: {"requests": 1}, STEAMER: {"requests": 2}})

    assert kept.ask(Metric.REQUESTS, step=1, since=START, callee="steamer").series[0].values == (2.0,)
    assert kept.ask(Metric.REQUESTS, step=1, since=START, caller="web").series[0].values == (1.0,)
    assert kept.ask(Metric.REQUESTS, step=1, since=START, caller="nobody").series == ()


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"by": ("colour",)}, "can't be kept apart by 'colour'"),
        ({"since": START + 10, "until": START}, "ends before it begins"),
        ({"by": ("code",), "metrics": (Metric.P99,)}, "only requests"),
        ({"metrics": ()}, "no metric is named"),
        ({"since": float("-inf")}, "is no time"),
        ({"since": -1e30, "whole": True}, "is no time"),
        ({"until": float("nan")}, "is no time"),
        ({"step": float("inf")}, "is no time"),
    ],
)
def test_what_can_not_be_asked(kept: Kept, asked: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        plan(MetricsQuery(**({"metrics": (Metric.REQUESTS,)} | asked)), START, 1.0)  # type: ignore[arg-type]


def test_an_absurd_question_gets_a_bounded_answer() -> None:
    chosen = plan(MetricsQuery(metrics=(Metric.REQUESTS,), since=0, step=1), START, 1.0)

    assert chosen.count <= 2001


# --- when the disk is not what it should be -----------------------------------------------------------------------


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    path = tmp_path / "numbers.db"
    path.write_bytes(b"this is no database, but it is long enough to be taken for one" * 100)
    kept = Kept(path)
    kept.second()

    assert (tmp_path / "numbers.db.corrupt").read_bytes().startswith(b"this is no database")
    assert kept.requests() == 1
    assert [sentence for sentence in kept.said if "set aside as" in sentence] == kept.said
    assert len(kept.said) == 1


def test_a_file_that_is_damaged_while_it_is_used(kept: Kept) -> None:
    for _ in range(90):
        kept.second()
    kept.store._database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with kept.path.open("r+b") as file:
        file.seek(0)
        file.write(b"\xff" * 8192)
    kept.store._database.close()
    kept.store._database = kept.store._opened()
    for _ in range(60):
        kept.second()

    assert kept.requests(seconds=60) == 60  # of the rest, what was in memory
    assert len(kept.said) == 1
    assert (kept.path.parent / "numbers.db.corrupt").exists()


def test_a_full_disk_loses_nothing_that_memory_can_hold_and_is_said_once(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise Unwritable("database or disk is full")

    for _ in range(30):
        kept.second()
    with monkeypatch.context() as patched:
        patched.setattr(kept.store._database, "note", full)
        patched.setattr(kept.store._database, "keep", full)
        for _ in range(150):
            kept.second()
        assert kept.requests() == 180
        assert [sentence.partition(" to ")[0] for sentence in kept.said] == ["numbers can't be written"]
    for _ in range(60):
        kept.second()

    assert kept.said[1:] == ["numbers are written to the disk again"]
    kept.again()
    assert kept.requests() == 240


def test_what_sqlite_says_when_there_is_no_room(kept: Kept) -> None:
    connection = kept.store._database._connection
    connection.execute("PRAGMA max_page_count=12")
    for second in range(300):
        kept.write({EdgeKey("web", f"orders-{number}", "v1"): {"requests": second + 1} for number in range(40)})

    assert [sentence.rpartition(": ")[2] for sentence in kept.said] == ["database or disk is full"]
    connection.execute("PRAGMA max_page_count=100000")
    for _ in range(61):
        kept.second()
    assert kept.said[1:] == ["numbers are written to the disk again"]


def test_a_disk_that_was_full_at_the_start_is_written_to_when_it_has_room_again(kept: Kept) -> None:
    kept.second()
    kept.store.close()
    other = sqlite3.connect(kept.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # nothing can be written, as on a full disk
    kept.store = Store(kept.path, kept.said.append)
    assert kept.requests() == 1
    other.execute("ROLLBACK")
    other.close()
    kept.second()
    kept.again()
    assert kept.requests() == 2
    assert kept.said == []


def test_what_memory_can_not_hold_is_counted(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise Unwritable("database or disk is full")

    monkeypatch.setattr(store, "_MOST_WAITING", 4)
    monkeypatch.setattr(kept.store._database, "keep", full)
    for _ in range(190):
        kept.second()

    assert len(kept.store._waiting) == 4
    assert kept.store.dropped > 0


def test_without_a_place_to_write_it_lives_in_memory(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "nowhere" / "numbers.db")
    for _ in range(70):
        kept.second()

    assert kept.requests() == 70
    assert len(kept.said) == 1
    assert "in memory alone" in kept.said[0]


def test_a_clock_that_is_set_back_gives_means_of_what_was_lived_twice(kept: Kept) -> None:
    for _ in range(120):
        kept.second(requests=2)
    kept.now = START
    for _ in range(120):
        kept.second(requests=4)

    found = kept.ask(Metric.REQUESTS, step=60, since=START, until=START + 120)

    assert found.series[0].values == (3.0, 3.0)
    assert kept.said == []


def test_too_many_series_are_refused_and_counted(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MOST_SERIES", 3)
    kept.write({EdgeKey("web", f"host-{number}", "external"): {"requests": 1} for number in range(5)})

    assert kept.store.refused == 3
    assert len(kept.said) == 1


def test_series_that_are_new_when_unused_ones_are_forgotten_are_not_mixed_up(kept: Kept) -> None:
    till = EdgeKey("web", "till", "v1")
    kept.second()
    kept.now = START + 60  # the first minute of an hour is over
    kept.write({STEAMER: {"requests": 100}, till: {"requests": 1}})
    kept.write({till: {"requests": 1}})
    kept.write({STEAMER: {"requests": 100}, till: {"requests": 1}})

    found = kept.ask(Metric.REQUESTS, by=("callee",), since=kept.now - 10, step=1)
    counted = {one.labels["callee"]: sum(value or 0 for value in one.values) for one in found.series}
    assert counted == {"orders": 0, "steamer": 200, "till": 3}


def test_all_of_the_time_is_one_value_and_begins_where_it_was_asked_to() -> None:
    asked = MetricsQuery(metrics=(Metric.REQUESTS,), since=START - 33, until=START - 3, whole=True)

    chosen = plan(asked, START, 1.0)

    assert (chosen.start, chosen.step, chosen.count) == (START - 33, 30, 1)
