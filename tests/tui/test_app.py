"""Every key, against a scripted control."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.control import Status, TelemetrySnapshot, WatchState, WatchStatus
from sandbox.errors import NotRunningError
from sandbox.events import Event, Kind, ReloadReport
from sandbox.tui.app import SandboxApp, TuiResult
from sandbox.tui.capture import screenshot_svg
from sandbox.tui.logview import MOST_LINES
from tests.fakes import data
from tests.fakes.control import FakeControl
from tests.tui.stage import on_stage

STORE, ORDERS, STEAMER = data.services()


CALM = replace(data.telemetry(), services=dict.fromkeys(("storefront", "orders", "steamer"), data.signals()))


def a_control(telemetry: TelemetrySnapshot = CALM) -> FakeControl:
    return FakeControl(events=data.events(), lines=data.log_lines(), telemetry=telemetry)


async def test_it_opens_with_the_services_their_log_and_the_newest_event() -> None:
    async with on_stage(a_control()) as stage:
        await stage.reads("bakery · http://127.0.0.1:8080", "● healthy", "listening on 127.0.0.1:43121")
        await stage.reads("00:00:02 ✗ steamer-v2-1 exited with code 1")


async def test_arrows_and_letters_choose_a_service_and_its_log() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("down", "j", "k")
        await stage.reads(
            "▸orders", "orders · port 8000 · calls steamer", "─ log · orders", "listening on 127.0.0.1:43122"
        )
        await stage.press("G")
        await stage.reads("▸steamer")
        await stage.press("home")
        await stage.reads("▸storefront")


async def test_a_click_chooses_too() -> None:
    async with on_stage(a_control()) as stage:
        await stage.pilot.click(stage.table, offset=(5, 2))
        await stage.reads("▸orders")


async def test_the_cursor_stays_on_its_service_when_the_order_changes() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("down")
        control.statuses[0] = data.project(STORE, ORDERS, replace(STEAMER, status=Status.FAILED, reason="exit code 1"))
        control.publish(Event(kind=Kind.INSTANCE_FAILED, message="steamer failed", at=data.NOW))
        await stage.reads("✗ 1 of 3 in trouble")

        assert [row.key for row in stage.table.rows] == ["steamer", "storefront", "orders"]
        assert stage.table.cursor == "orders"
        await stage.press("home")
        await stage.reads("✗ steamer: exit code 1")


async def test_when_the_selected_instance_goes_the_cursor_falls_back_to_its_service() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("G", "space")
        await stage.reads("v2-1")
        await stage.press("down")
        await stage.until(lambda: stage.table.cursor == "steamer-v1-1")
        await stage.press("k", "space")
        await stage.until(lambda: len(stage.table.rows) == 3)
        assert stage.table.cursor == "steamer"


async def test_r_restarts() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("j", "r")
        await stage.reads("restarting orders")
        assert stage.control.calls == [("restart", ("orders",))]


async def test_s_stops_and_starts() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press("s")
        await stage.reads("stopping storefront; press s again to start it")
        control.statuses[0] = data.project(replace(STORE, status=Status.STOPPED), ORDERS, STEAMER)
        control.publish(Event(kind=Kind.INSTANCE_STOPPED, message="storefront stopped", at=data.NOW))
        await stage.reads("■ stopped")
        await stage.press("s")
        await stage.reads("starting storefront")
        assert control.calls == [("stop", ("storefront",)), ("start", ("storefront",))]


async def test_plus_and_minus_scale() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("+")
        await stage.reads("scaling storefront to 2")
        await stage.press("-")
        await stage.until(lambda: len(stage.control.calls) == 2)
        assert stage.control.calls[0] == ("scale", "storefront", 2, None)


async def test_a_version_is_scaled_by_its_instance() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("G", "+")
        await stage.reads("steamer: has several versions", "open it with space")
        await stage.press("space")
        await stage.reads("v2-1")
        await stage.press("G", "+")
        await stage.reads("scaling steamer@v2 to 2", "─ log · steamer-v2-1")
        assert stage.control.calls == [("scale", "steamer", 2, "v2")]


async def test_a_refusal_is_told_with_its_hint() -> None:
    control = a_control()
    control.failures["restart"] = NotRunningError("is not running", hint="run: sandbox up")
    async with on_stage(control) as stage:
        await stage.press("r")
        await stage.reads("is not running", "run: sandbox up")


async def test_l_goes_to_the_log_and_escape_back() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("l")
        assert stage.log.has_focus
        await stage.press("escape")
        assert stage.table.has_focus


async def test_moving_up_in_the_log_pauses_it_until_the_end() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        for number in range(50):
            control.write(data.log_line("storefront", f"line {number}"))
        await stage.reads("line 49")
        await stage.press("l", "up", "up")
        await stage.reads("▸ line 47", "paused: end to follow")
        for number in range(50, 80):
            control.write(data.log_line("storefront", f"line {number}"))
        await stage.reads("▸ line 47", "paused, 30 new below: end to follow")
        await stage.press("pageup", "home")
        await stage.reads("▸ listening on")
        await stage.press("end")
        await stage.reads("line 79")
        assert "paused" not in stage.text()


async def test_a_paused_log_stands_still_while_old_lines_go() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.reads("listening on")
        stage.log.show([data.log_line("storefront", f"line {number}") for number in range(MOST_LINES)])
        await stage.press("l", *["up"] * 25, *["down"] * 5)
        await stage.reads("▸ line 1979")
        before = [line[:79] for line in stage.text().splitlines()[8:]]  # without the scroll bar
        stage.log.show([data.log_line("storefront", "more")] * 100)
        await stage.reads("100 new below")

        assert [line[:79] for line in stage.text().splitlines()[8:]] == before


async def test_long_lines_scroll_sideways() -> None:
    control = a_control()
    control.write(data.log_line("storefront", f"{'x' * 90}the end"))
    async with on_stage(control) as stage:
        await stage.reads("xxxxx")
        await stage.press("l", *["right"] * 2)
        await stage.reads("the end")
        await stage.press("left", "left")
        await stage.until(lambda: "the end" not in stage.text())


async def test_a_flood_of_lines_leaves_the_keys_alive_and_memory_bounded() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.until(lambda: control.following == 2)
        for number in range(20_000):
            control.write(data.log_line("storefront", f"line {number}"))
        await stage.press("j")
        await stage.reads("▸orders", "listening on 127.0.0.1:43122")
        await stage.press("k")
        await stage.reads("line 19999")
        assert len(stage.log.view) <= 2000


async def test_c_copies_the_log_line() -> None:
    async with on_stage(a_control()) as stage:
        await stage.reads("listening on 127.0.0.1:43121")
        await stage.press("c")
        await stage.reads("copied: listening on 127.0.0.1:43121")
        assert stage.app.clipboard == "listening on 127.0.0.1:43121"


async def test_what_is_copied_has_no_colours() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("down", "down")
        await stage.reads("log · steamer", "ready")
        await stage.press("c")
        await stage.reads("copied: ready")
        assert stage.app.clipboard == "ready"


async def test_c_without_a_line_says_so() -> None:
    async with on_stage(FakeControl()) as stage:
        await stage.press("c")
        await stage.reads("there is no log line to copy")


async def test_events_are_listed_and_more_are_added() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.reads("exited with code 1")
        await stage.press("7")
        await stage.reads("RuntimeError: out of steam", "bakery is starting")
        control.publish(Event(kind=Kind.NOTICE, message="something new", at=data.NOW))
        await stage.reads("something new")
        await stage.press("1")
        await stage.reads("SERVICE    STATUS")


async def test_w_pauses_reloading_and_resumes_it_in_sight() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        assert "‖" not in stage.text()
        await stage.press("w")
        await stage.until(lambda: control.calls == [("watch", False)])
        control.statuses[0] = data.project(watch=WatchStatus(state=WatchState.PAUSED, waiting={"orders": 2}))
        control.publish(Event(kind=Kind.NOTICE, message="saves wait", at=data.NOW))
        await stage.reads("‖ paused: 2 saved files wait (orders) · w applies and resumes")
        await stage.press("w")
        await stage.until(lambda: len(control.calls) == 2)
        control.statuses[0] = data.project()
        control.publish(Event(kind=Kind.NOTICE, message="saves are applied", at=data.NOW))
        await stage.until(lambda: "‖" not in stage.text())
    assert control.calls == [("watch", False), ("watch", True)]


async def test_what_is_wrong_stands_until_it_is_mended() -> None:
    control = a_control()
    control.statuses[0] = data.project(warnings=("sandbox.yaml:3:1: is broken", "orders changes state.json itself"))
    async with on_stage(control) as stage:
        await stage.reads("▲ (1 of 2) sandbox.yaml:3:1: is broken")
        control.statuses[0] = data.project()
        control.publish(Event(kind=Kind.NOTICE, message="mended", at=data.NOW))
        await stage.until(lambda: "is broken" not in stage.text())


async def test_a_reload_is_told_in_the_log_of_its_service() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.reads("listening on 127.0.0.1:43121")
        report = ReloadReport(version="v1", generation=1, files=("app.py",), count=1, seconds={})
        told = "storefront reloaded in 0.12 s after a save of app.py"
        control.publish(
            Event(kind=Kind.SERVICE_RELOADED, service="storefront", message=told, at=data.NOW + 3, reload=report)
        )
        await stage.reads(f"↻ {told}")
        await stage.press("j")
        await stage.until(lambda: "↻" not in stage.text())


async def test_slash_filters_until_escape() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("slash", *"steam")
        await stage.until(lambda: [row.key for row in stage.table.rows] == ["steamer"])
        await stage.press("x")
        await stage.reads("no service's name contains that")
        await stage.press("backspace", "enter")
        assert stage.table.has_focus
        await stage.press("escape")
        await stage.until(lambda: len(stage.table.rows) == 3)
        assert "show only" not in stage.text()


async def test_what_is_typed_right_behind_the_slash_is_text_however_fast() -> None:
    async with on_stage(a_control()) as stage:
        stage.type_at_once("/steq")
        await stage.reads("show only steq")
        assert stage.control.calls == []


async def test_question_mark_tells_the_keys() -> None:
    async with on_stage(a_control(), size=(80, 40)) as stage:
        await stage.press("question_mark")
        await stage.reads("restart the service", "leave; the cluster keeps running")
        await stage.press("escape")
        await stage.until(lambda: "restart the service" not in stage.text())


async def test_t_changes_the_theme() -> None:
    async with on_stage(a_control()) as stage:
        before = stage.app.theme
        await stage.press("t")
        assert stage.app.theme != before


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_leaving_stops_nothing(key: str) -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.press(key)
    assert stage.app.return_value is TuiResult.QUIT
    assert (control.calls, control.following) == ([], 0)


async def test_down_asks_first() -> None:
    async with on_stage(a_control()) as stage:
        await stage.press("D")
        await stage.reads("Stop all of bakery: 3 services and the proxy?")
        await stage.press("n")
        await stage.until(lambda: "Stop all" not in stage.text())
        await stage.press("D")
        await stage.reads("Stop all")
        await stage.press("y")
    assert stage.app.return_value is TuiResult.DOWN


async def test_an_absent_supervisor_is_told_and_found_again() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        control.failures["status"] = NotRunningError("is not running")
        control.publish(Event(kind=Kind.NOTICE, message="going", at=data.NOW))
        await stage.reads("▲ the supervisor is away; trying again", "storefront")
        del control.failures["status"]
        await stage.until(lambda: "is away" not in stage.text())


async def test_what_somebody_else_stopped_is_not_called_away_and_leaving_says_so() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        control.publish(Event(kind=Kind.PROJECT_STOPPING, message="everything is being stopped", at=data.NOW))
        await stage.reads("■ bakery is being stopped", "◌ stopping")
        control.failures["status"] = NotRunningError("is not running")
        stage.app.cockpit.hurry()
        await stage.reads("■ bakery was stopped · sandbox up starts it", "■ stopped")
        assert "●" not in stage.text().split("─")[0]
        await stage.press("q")
    assert stage.app.return_value is TuiResult.ENDED


async def test_what_is_started_again_is_found_again() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        control.publish(Event(kind=Kind.PROJECT_STOPPING, message="everything is being stopped", at=data.NOW))
        await stage.reads("■ bakery is being stopped")
        control.statuses[0] = replace(control.statuses[0], supervisor_pid=5000)
        control.publish(Event(kind=Kind.PROJECT_STARTING, message="bakery starts", at=data.NOW))
        await stage.until(lambda: "being stopped" not in stage.text().split("─")[0] and "● healthy" in stage.text())
        await stage.press("q")
    assert stage.app.return_value is TuiResult.QUIT


async def test_without_any_answer_it_says_what_it_does() -> None:
    control = a_control()
    control.failures["status"] = NotRunningError("is not running")
    app = SandboxApp(control)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(200):
            await pilot.pause(0.01)
            strips = app.screen._compositor.render_strips()
            if "is away" in "".join(strip.text for strip in strips):
                break
        assert "asking the supervisor…" in "".join(strip.text for strip in strips)


async def test_a_new_supervisors_events_are_heard_from_their_beginning() -> None:
    control = a_control()
    async with on_stage(control) as stage:
        await stage.reads("exited with code 1")
        control.statuses[0] = replace(control.statuses[0], supervisor_pid=5000)
        control.publish(Event(kind=Kind.PROJECT_RECOVERED, message="a new supervisor took over", at=data.NOW))
        await stage.reads("a new supervisor took over")
        await stage.until(lambda: stage.app._feed._supervisor == 5000)
        assert control.following <= 3


async def test_before_any_traffic_it_tells_how_to_make_some() -> None:
    nothing = TelemetrySnapshot(at=data.NOW, services={}, edges=())
    async with on_stage(a_control(telemetry=nothing)) as stage:
        await stage.reads("no traffic yet: g sends some, or open http://storefront.localhost:8080/")
        stage.control.snapshot = data.telemetry()
        await stage.until(lambda: "no traffic yet" not in stage.text())


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
async def test_any_size_shows_what_matters_most(size: tuple[int, int]) -> None:
    async with on_stage(a_control(), size=size) as stage:
        await stage.reads("bakery", "storefront", "● healthy", "q quit")
        await stage.pilot.resize_terminal(size[0] + 7, size[1] + 3)
        await stage.reads("storefront", "q quit")
        assert max(map(len, stage.text().splitlines())) <= size[0] + 7


async def test_the_picture_for_the_readme() -> None:
    svg = await screenshot_svg(a_control(), (90, 20))

    assert svg.startswith("<svg")
    assert "storefront" in svg
