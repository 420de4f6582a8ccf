"""Every key of every screen but the overview's, against a scripted control with everything going on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from sandbox.control import Alert, AlertState, Change, ChangeResult, EditAction, ExecSpec, Origin, TrafficState
from sandbox.errors import ConflictError, SandboxError, UsageError
from sandbox.tui.app import SandboxApp, TuiResult
from sandbox.tui.cockpit import Examined, Remembered
from sandbox.tui.places import PLACES
from sandbox.tui.screens.doctor import DoctorScreen
from sandbox.tui.screens.service import TABS, ServiceScreen
from sandbox.tui.widgets.graph import GraphView
from sandbox.tui.widgets.logpane import LogPane
from tests.fakes import data, scene
from tests.fakes.control import FakeControl
from tests.tui.stage import Stage, on_stage


def a_control(*, trying: bool = False) -> FakeControl:
    control = scene.control(trying=trying)
    control.traffic.result = None  # changes are made
    return control


def changes(control: FakeControl) -> list[Change]:
    """Those that were made, not only looked at."""
    return [call[1] for call in control.traffic.calls if call[0] == "change" and not call[1].dry_run]


def here(stage: Stage) -> str:
    screen = stage.app.in_sight
    assert screen is not None
    return screen.PLACE


# --- going about --------------------------------------------------------------------------------------------------


async def test_digits_lead_to_every_place_and_back() -> None:
    async with on_stage(a_control()) as stage:
        for place in (*PLACES[1:], PLACES[0]):
            await stage.press(place.key)
            await stage.until(lambda name=place.name: here(stage) == name)  # type: ignore[misc]


async def test_a_click_on_a_name_leads_there() -> None:
    async with on_stage(a_control()) as stage:
        await stage.pilot.click("NavBar", offset=(16, 0))
        await stage.until(lambda: here(stage) == "map")


async def test_a_page_stays_open_below_its_place_until_one_comes_to_the_place_again() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("enter")
        await stage.reads("instances  charts  log")
        await stage.press("2", "1")
        await stage.reads("instances  charts  log")
        await stage.press("1")
        await stage.until(lambda: here(stage) == "overview")


@pytest.mark.parametrize(("typed", "place"), [("go to traces", "traces"), ("tour", "overview")])
async def test_the_palette_finds_by_name(typed: str, place: str) -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("ctrl+p")
        await stage.reads("Search for commands")
        await stage.press(*[{" ": "space"}.get(letter, letter) for letter in typed])
        await stage.reads(typed[:4].capitalize())
        await stage.press("enter")
        await stage.until(lambda: here(stage) == place and "Search for" not in stage.text())


async def test_help_tells_the_keys_of_the_screen_one_is_on() -> None:
    async with on_stage(a_control(), size=(100, 50)) as stage:
        await stage.press("4", "question_mark")
        await stage.reads("keys of traces", "only those that failed", "everything there is, by its name")


async def test_the_tour_is_shown_once(tmp_path: Path) -> None:
    file = tmp_path / "tui.json"
    app = SandboxApp(a_control(), Remembered(file))
    async with app.run_test(size=(80, 24)) as pilot:
        stage = Stage(app, pilot, a_control())
        await stage.reads("this is your cluster · 1 of 4")
        await stage.press("enter", "enter", "enter")
        await stage.reads("three keys to remember")
        await stage.press("enter")
        await stage.until(lambda: "three keys" not in stage.text())
    assert Remembered(file).preferences.toured


async def test_the_tour_can_be_skipped_and_begun_again() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("question_mark", "question_mark")
        await stage.reads("1 of 4")
        await stage.press("escape")
        await stage.until(lambda: "1 of 4" not in stage.text())


async def test_a_theme_is_remembered(tmp_path: Path) -> None:
    app = SandboxApp(a_control(), Remembered(tmp_path / "tui.json"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape", "t")
        chosen = app.theme
    assert SandboxApp(a_control(), Remembered(tmp_path / "tui.json")).theme == chosen


async def test_a_part_that_is_not_there_is_said_in_one_line() -> None:
    control = a_control()

    async def absent(*_: object, **__: object) -> None:
        raise SandboxError("is not there yet")

    control.metrics.usage = absent  # type: ignore[assignment]
    async with on_stage(control) as stage:
        await stage.reads("· no CPU and memory: is not there yet", "storefront")


# --- the map ------------------------------------------------------------------------------------------------------


async def test_arrows_walk_from_the_worst_edge_to_its_ends_and_enter_opens_them() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("2")
        view = stage.app.in_sight.query_one(GraphView)  # type: ignore[union-attr]
        await stage.until(lambda: view.focus_on == ("mill", "pantry"))
        await stage.press("up")
        assert view.focus_on == "mill"
        await stage.press("down", "down", "enter")
        await stage.reads("pantry · port 8000", "instances  charts")


async def test_enter_opens_an_edge() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("2")
        await stage.reads("mill → pantry")
        await stage.press("enter")
        await stage.reads("mill → pantry · 11/s", "requests/s", "latency")
        await stage.press("escape")
        await stage.reads("[◈ gateway]")


async def test_n_shows_only_what_is_near() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("2")
        await stage.reads("mill → pantry", "[◈ gateway]")
        await stage.press("n")
        await stage.until(lambda: "gateway]" not in stage.text())
        await stage.reads("mill", "pantry")
        await stage.press("escape")
        await stage.reads("[◈ gateway]")


async def test_without_a_graph_of_the_controls_own_declared_edges_are_drawn() -> None:
    control = FakeControl(data.project(*scene.services()), telemetry=replace(data.telemetry(), services={}, edges=()))
    async with on_stage(control) as stage:
        await stage.press("2")
        await stage.reads("gateway", "┊", "pantry")


async def test_a_click_chooses_and_the_exclamation_mark_goes_to_the_worst() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("2")
        await stage.reads("mill → pantry · ")
        await stage.settle()  # the banner comes later and moves the map down
        view = stage.app.screen.query_one(GraphView)
        row = next(number for number, text in enumerate(stage.text().splitlines()) if "[● kneader]" in text)
        column = stage.text().splitlines()[row].index("kneader")
        await stage.pilot.click(offset=(column, row))
        await stage.until(lambda: view.focus_on == "kneader")
        await stage.press("exclamation_mark")
        assert view.focus_on == ("mill", "pantry")


# --- the page of a service ----------------------------------------------------------------------------------------


async def test_brackets_and_tab_turn_the_page() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ServiceScreen))
        said = ("pid 4242", "latency", "dropped a sack", "PORT", "no rules for pantry", "alert", "one request in ten")
        for text in said[: len(TABS)]:
            await stage.reads(text) if text != "alert" else await stage.reads("20 % of requests fail")
            await stage.press("right_square_bracket")
        await stage.reads("pid 4242")
        await stage.press("shift+tab")
        await stage.reads("one request in ten")


async def test_secrets_are_masked() -> None:
    control = a_control()

    async def spec(*_: object) -> ExecSpec:
        return ExecSpec(argv=("env",), cwd=None, environment={"DB_PASSWORD": "hunter2", "URL": "db://me:pw@x/y"})

    control.exec_spec = spec  # type: ignore[method-assign,assignment]
    async with on_stage(control) as stage:
        await stage.press("enter", *["right_square_bracket"] * 3)
        await stage.reads("DB_PASSWORD", "••••••", "db://••••••@x/y")
        assert "hunter2" not in stage.text()


async def test_lifecycle_keys_work_on_the_page() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ServiceScreen))
        await stage.press("r")
        await stage.until(lambda: ("restart", ("pantry",)) in stage.control.calls)
        await stage.press("s")
        await stage.until(lambda: ("stop", ("pantry",)) in stage.control.calls)
        await stage.press("+")
        await stage.until(lambda: any(call[0] == "scale" for call in stage.control.calls))


async def test_charts_go_back_as_far_as_one_wants() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("enter", "right_square_bracket")
        await stage.reads("last 5m00s")
        await stage.press("greater_than_sign")
        await stage.reads("last 15m00s")
        await stage.press("less_than_sign", "less_than_sign")
        await stage.reads("last 1m00s")


async def test_from_the_page_to_its_log_and_its_traces() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, ServiceScreen))
        await stage.press("L")
        await stage.reads("dropped a sack", "pantry · 2 of 8 lines")
        await stage.press("1")
        await stage.press("T")
        await stage.until(lambda: here(stage) == "traces")
        await stage.reads("find pantry")


# --- steering -----------------------------------------------------------------------------------------------------


async def test_a_preview_says_nothing_of_fields_that_have_changed_since() -> None:
    control = scene.control()
    change, gate = control.traffic.change, asyncio.Event()
    gate.set()

    async def slow(wanted: Change) -> ChangeResult:
        await gate.wait()
        return await change(wanted)

    control.traffic.change = slow  # type: ignore[method-assign,assignment]
    async with on_stage(control) as stage:
        await stage.press("f")
        await stage.reads("+    - fault")
        gate.clear()
        await stage.press("1")
        await stage.until(lambda: "- fault" not in stage.text() and "…" in stage.text())
        gate.set()
        await stage.reads("+    - fault")


async def test_a_fault_in_three_keys_shown_before_it_is_made() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("f", "1")
        await stage.reads("what would change")
        assert changes(control) == []
        await stage.press("enter")
        await stage.reads("u undoes it")
        (change,) = changes(control)
    (edit,) = change.edits
    assert (edit.service, edit.action, change.origin) == ("pantry", EditAction.FAULT, Origin.TUI)
    assert edit.values == {"abort": {"httpStatus": 503, "percentage": 100}}


async def test_weights_by_number_and_by_arrows() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("3")
        await stage.reads("▸steamer")
        await stage.press("v")
        await stage.reads("90 %", "10 %")
        await stage.press("3", "0")
        await stage.reads("70 %", "30 %")
        await stage.press("right", "shift+right")
        await stage.reads("59 %", "41 %")
        await stage.press("up", "home")
        await stage.reads("0 %", "100 %")
        await stage.press("enter")
        await stage.until(lambda: changes(control))
    assert dict(changes(control)[0].edits[0].values) == {"v1": 0, "v2": 100}


@pytest.mark.parametrize(
    ("keys", "typed", "applied"),
    [(("v",), "100", {"v1": 0, "v2": 100}), (("x", "4", "tab"), "7", {"attempts": 7, "codes": [503]})],
)
async def test_what_is_typed_in_one_piece_is_applied_as_typed(
    keys: tuple[str, ...], typed: str, applied: dict[str, object]
) -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("3")
        await stage.reads("▸steamer")
        await stage.press(*keys)
        await stage.reads("what would change")
        stage.type_at_once(f"{typed}\r")
        await stage.until(lambda: changes(control))
    assert changes(control)[0].edits[0].values == applied


async def test_a_change_can_be_tried_kept_and_taken_back() -> None:
    control = a_control()
    async with on_stage(control, now=scene.NOW) as stage:
        await stage.press("f", "2", "ctrl+t")
        await stage.until(lambda: any(call[0] == "start_trial" for call in control.traffic.calls))
        control.traffic.now = scene.traffic(trying=True)
        await stage.reads("◔ try of steamer: 24s left")
        await stage.press("K")
        await stage.until(lambda: ("end_trial", True) in control.traffic.calls)
        await stage.press("B")
        await stage.until(lambda: ("end_trial", False) in control.traffic.calls)


async def test_a_ramp_begins_at_the_slider() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("3")
        await stage.reads("▸steamer")
        await stage.press("v")
        await stage.reads("▸v2")
        await stage.press("ctrl+r")
        await stage.until(lambda: any(call[0] == "start_ramp" for call in control.traffic.calls))


async def test_all_other_ways_to_steer_are_in_the_menu() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("x")
        await stage.reads("steer · pantry", "4  retry")
        await stage.press("4", "1")
        await stage.reads("502 503 504")
        await stage.press("enter")
        await stage.until(lambda: changes(control))
    assert changes(control)[0].edits[0].values == {"attempts": 2, "codes": [502, 503, 504]}


async def test_what_can_not_be_is_said_in_the_dialog_and_changes_nothing() -> None:
    control = a_control()
    control.traffic.failures["change"] = UsageError("says nothing", place="pantry", hint="say what it is to be")
    async with on_stage(control) as stage:
        await stage.press("f", "1")
        await stage.reads("✗ pantry: says nothing", "→ say what it is to be")
        await stage.press("enter", "escape")
        await stage.until(lambda: "fault · pantry" not in stage.text())
    assert changes(control) == []


async def test_u_undoes_after_showing_what() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("u")
        await stage.reads("in force: revision 12", "back to:  revision 11")
        await stage.press("enter")
        await stage.until(lambda: ("rollback", 11, Origin.TUI, "", 12) in control.traffic.calls)


async def test_what_was_not_shown_is_not_undone() -> None:
    control = a_control()
    control.traffic.failures["rollback"] = ConflictError("revision 13 is in force, not 12")
    async with on_stage(control) as stage:
        await stage.press("u")
        await stage.reads("in force: revision 12")
        control.traffic.revisions.append(replace(scene.revisions()[-1], number=13, summary="mill: a timeout"))
        await stage.press("enter")
        await stage.reads("in force: revision 13", "mill: a timeout", "back to:  revision 12")


async def test_why_offers_no_undoing_of_what_a_service_does_by_itself() -> None:
    control = a_control()
    (first, *others) = scene.diagnosis().causes
    by_itself = replace(scene.diagnosis(), causes=(replace(first, kind="own_errors"), *others))
    control.diagnosis.known = dict.fromkeys(control.diagnosis.known, by_itself)
    control.snapshot = replace(control.snapshot, edges=())
    async with on_stage(control) as stage:
        await stage.press("2")
        await stage.reads("[◈ gateway]")
        await stage.press("y")
        await stage.reads("certain")
        assert "u undo" not in stage.text()
        await stage.press("u")
        await stage.reads("certain")
        assert "back to:" not in stage.text()


async def test_an_older_revision_is_gone_back_to_from_the_history() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("3")
        await stage.reads("steamer: v1 90 %, v2 10 %")
        await stage.press("tab", "end", "enter")
        await stage.reads("back to revision 10")
        await stage.press("enter")
        await stage.until(lambda: any(call[:2] == ("rollback", 10) for call in control.traffic.calls))


async def test_what_differs_from_the_file_is_shown_and_hidden_again() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("3")
        await stage.reads("▸steamer")
        await stage.press("d")
        await stage.reads("sandbox.yaml → in force")
        await stage.press("d")
        await stage.until(lambda: "→ in force" not in stage.text())


async def test_enter_opens_the_rules_on_the_services_page() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("3")
        await stage.reads("▸steamer")
        await stage.press("enter")
        await stage.reads("not what sandbox.yaml says", "instances  charts")


async def test_without_rules_the_traffic_says_so() -> None:
    control = a_control()
    control.traffic.now = TrafficState(revision=1, policies={}, versions={}, drift=())
    async with on_stage(control) as stage:
        await stage.press("3")
        await stage.reads("no rules for storefront")


async def test_g_sends_a_little_traffic_and_ends_it() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("g")
        await stage.reads("1 request a second to")
        await stage.press("g")
        await stage.reads("no more background traffic")


# --- traces -------------------------------------------------------------------------------------------------------


async def test_a_trace_opens_at_the_hop_that_failed_and_leads_to_its_logs() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("4")
        await stage.reads("gateway POST /api/buns")
        await stage.press("enter")
        await stage.reads("attempt 1 of 2: answered 503 by an injected fault", "█")
        await stage.press("l")
        await stage.reads("bun ordered", "trace 4bf92f35", "1 of 8 lines")


async def test_traces_are_narrowed_by_words_and_keys() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("4", "slash", *"orders", "space", "greater_than_sign", *"200ms", "enter", "e", "o")
        await stage.reads("only failed ones", "slowest first")
        query = control.traces.queries[-1]
        await stage.until(lambda: getattr(control.traces.queries[-1], "slowest", False))
        query = control.traces.queries[-1]
        assert (query.service, query.min_duration, query.errors) == ("orders", 0.2, True)  # type: ignore[union-attr]
        await stage.press("escape")
        await stage.until(lambda: "only failed" not in stage.text())


async def test_traces_stand_still_and_are_all_recorded() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("4")
        await stage.reads("8 requests")
        await stage.press("space")
        await stage.reads("standing still")
        await stage.press("space", "S")
        await stage.reads("recorded: every request")
        await stage.until(lambda: "standing still" not in stage.text())


async def test_a_traces_id_is_copied_and_its_cause_asked_for() -> None:
    control = a_control()
    control.diagnosis.known[scene.TRACE] = scene.diagnosis()
    async with on_stage(control) as stage:
        await stage.press("4")
        await stage.reads("8 requests")
        await stage.press("enter")
        await stage.reads("7 hops", "▸    └ ✗ steamer")
        await stage.press("c")
        await stage.until(lambda: stage.app.clipboard == scene.TRACE)
        await stage.press("home", "exclamation_mark")
        await stage.reads("▸    └ ✗ steamer")
        await stage.press("y")
        await stage.reads("why · 4bf92f35", "revision 12 put it there")
        await stage.press("escape", "enter")
        await stage.reads("steamer · port 8000")


# --- logs ---------------------------------------------------------------------------------------------------------


async def test_logs_narrow_while_one_types() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("5")
        await stage.reads("8 lines")
        await stage.press("slash", *"503")
        await stage.reads("2 of 8 lines", "no steam: 503")
        await stage.press("enter", "escape")
        await stage.reads("all services · 8 lines")


@pytest.mark.parametrize("place", ["1", "4", "5", "7"])
async def test_escape_leaves_every_filter_that_is_being_typed(place: str) -> None:
    async with on_stage(a_control()) as stage:
        await stage.press(place)
        await stage.until(lambda: here(stage) == PLACES[int(place) - 1].name)
        await stage.press("slash", *"503")
        await stage.until(lambda: isinstance(stage.app.focused, Input) and stage.app.focused.value == "503")
        await stage.press("escape")
        await stage.until(lambda: stage.app.focused is not None and not isinstance(stage.app.focused, Input))
        await stage.press("2")
        await stage.until(lambda: here(stage) == "map")


async def test_the_last_column_stays_whole_beside_the_scroll_bar() -> None:
    control = a_control()
    trace = scene.trace()
    more = tuple(
        replace(trace.spans[0], id=f"more{number}", name="POST /a/long/way/to/buns", parent=trace.spans[0].id)
        for number in range(40)
    )

    async def get(_: str) -> object:
        return replace(trace, spans=(*trace.spans, *more))

    control.traces.get = get  # type: ignore[method-assign,assignment]
    async with on_stage(control) as stage:
        await stage.press("4")
        await stage.reads("gateway POST")
        await stage.press("enter")
        await stage.reads(f"{len(trace.spans) + 40} hops", "   TOOK\n", "━   230ms")


async def test_logs_by_level_and_by_expression() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("5")
        await stage.reads("8 lines")
        await stage.press("i", "i")
        await stage.reads("warning and above · 3 of 8 lines")
        await stage.press("i")
        await stage.reads("error and above · 2 of 8 lines")
        await stage.press("escape", "R", "slash", *"sack|steam")
        await stage.reads("regular expression")
        await stage.press("left_parenthesis")
        await stage.reads("not a regular expression")


async def test_logs_of_some_services() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("5")
        await stage.reads("8 lines")
        await stage.press("s")
        await stage.reads("logs of which services")
        await stage.press("n", "space", "enter")
        await stage.reads("storefront · 2 of 8 lines")


async def test_a_paused_log_keeps_its_place_and_a_selection_is_copied() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("5")
        await stage.reads("8 lines")
        await stage.press("space")
        await stage.reads("stands still at line 8")
        stage.control.write(data.log_line("orders", "a new line"))
        await stage.reads("1 new below")
        await stage.press("up", "V", "up", "c")
        await stage.until(lambda: stage.app.clipboard.count("\n") == 1)
        await stage.press("end")
        await stage.reads("a new line", "9 lines")


async def test_from_a_line_to_its_trace() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("5")
        await stage.reads("bun ordered")
        await stage.press("up", "up", "enter")
        await stage.reads("4bf92f3577b34da6a3ce929d0e0e4736", "7 hops")


async def test_where_no_line_names_a_trace_those_of_its_time_are_shown() -> None:
    control = a_control()
    control._lines = [data.log_line("orders", "take order", scene.NOW + at) for at in (-9.0, 0.1, 0.2, 9.0)]
    async with on_stage(control) as stage:
        await stage.press("4")
        await stage.reads("8 requests")
        await stage.press("enter")
        await stage.reads("7 hops")
        await stage.press("l")
        await stage.reads("no line names it, so these are of its time", "2 of 4 lines")


async def test_what_is_shown_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with on_stage(a_control()) as stage:
        await stage.press("5")
        await stage.reads("8 lines")
        await stage.press("slash", *"503", "enter", "E")
        await stage.until(lambda: list(tmp_path.iterdir()))
        (file,) = tmp_path.iterdir()
    assert len(file.read_text().splitlines()) == 2


async def test_long_lines_wrap() -> None:
    control = a_control()
    control.write(data.log_line("orders", f"{'x' * 90}the end"))
    async with on_stage(control) as stage:
        await stage.press("5")
        await stage.reads("9 lines")
        assert "the end" not in stage.text()
        await stage.press("w")
        await stage.reads("the end")


async def test_a_hundred_thousand_lines_stay_bounded_and_searchable() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("5")
        await stage.reads("8 lines")
        pane = stage.app.screen.query_one(LogPane)
        pane.show(data.log_line("orders", f"line {number}") for number in range(120_000))
        await stage.reads("100,000 lines", "line 119999")
        await stage.press("slash", *"line 77777".replace(" ", ""), "enter")
        await stage.reads("0 of 100,000")
        await stage.press("escape", "slash", *"77777", "enter")
        await stage.reads("1 of 100,000 lines", "line 77777")


# --- alerts, events, doctor, why ----------------------------------------------------------------------------------


async def test_an_alert_is_silenced_and_leads_to_its_cause() -> None:
    async with on_stage(a_control(), now=scene.NOW) as stage:
        await stage.press("6")
        await stage.reads("✗ firing")
        await stage.press("m")
        await stage.until(lambda: stage.control.alerts.calls == [("silence", "error_ratio", "pantry", 900.0)])
        await stage.press("enter")
        await stage.reads("why · pantry", "certain")


async def test_alerts_that_are_over_are_shown_when_asked_for() -> None:
    control = a_control()
    over = replace(scene.alerts()[0], subject="mill", state=AlertState.RESOLVED)

    async def alerts(*, resolved: bool = False) -> tuple[Alert, ...]:
        return (*scene.alerts(), over) if resolved else scene.alerts()

    control.alerts.alerts = alerts  # type: ignore[method-assign]
    async with on_stage(control) as stage:
        await stage.press("6")
        await stage.reads("✗ firing")
        assert "● resolved" not in stage.text()
        await stage.press("a")
        await stage.reads("● resolved")


async def test_an_event_leads_to_its_service_and_words_narrow() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("7", "slash", *"reloaded", "enter")
        await stage.until(lambda: "out of steam" not in stage.text() and "orders reloaded" in stage.text())
        await stage.press("enter")
        await stage.reads("orders · port 8000")


async def test_the_doctor_looks_at_the_machine_the_rules_and_the_causes() -> None:
    async def examine() -> list[Examined]:
        return [Examined("warning", "disk: 1 GB left", "make room")]

    app = SandboxApp(a_control(), examine=examine)
    async with app.run_test(size=(100, 30)) as pilot:
        stage = Stage(app, pilot, a_control())
        await stage.until(lambda: app.picture.informed)
        await stage.press("8")
        await stage.reads("disk: 1 GB left → make room", "v2 is told to fail", "one request in ten")
        assert isinstance(app.screen, DoctorScreen)


async def test_why_leads_to_the_guilty_service_and_to_the_undoing() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("y")
        await stage.reads("u undoes revision 12")
        await stage.press("u")
        await stage.reads("undo the last change")
        await stage.press("escape", "y")
        await stage.reads("u undoes revision 12")
        await stage.press("enter")
        await stage.reads("steamer · port 8000")


async def test_q_leaves_from_every_screen() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("2", "q")
    assert stage.app.return_value is TuiResult.QUIT
