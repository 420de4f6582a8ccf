from __future__ import annotations

from dataclasses import replace

from sandbox.control import AlertState, Ramp, RampState
from sandbox.tui.attention import Attention
from sandbox.tui.notices import alert_line, notices, ramp_words, steering_line, trial_words
from sandbox.tui.picture import Picture
from tests.fakes import data, scene


def a_picture() -> Picture:
    picture = Picture()
    picture.status, picture.telemetry = data.project(*scene.services()), scene.telemetry()
    return picture


def a_ramp(state: RampState = RampState.RUNNING) -> Ramp:
    return Ramp(
        service="steamer",
        version="v2",
        steps=(5, 25, 100),
        step=1,
        every=30.0,
        state=state,
        next_at=scene.NOW + 12,
        reason="the step is 30 s long",
        now=None,
    )


def test_where_all_is_well_nothing_is_said() -> None:
    assert {name: text for name, (text, _) in notices(a_picture(), scene.NOW).items() if text} == {}


def test_an_alert_names_its_subject_and_the_key_that_leads_on() -> None:
    picture = a_picture()
    picture.alerts = scene.alerts()[:1]
    assert alert_line(picture)[0] == "✗ pantry: 20 % of requests fail · y why"

    picture.alerts = picture.alerts * 3
    assert alert_line(picture)[0].startswith("✗ (1 of 3) pantry")


def test_an_alert_says_what_it_comes_from_and_which_change_is_undone() -> None:
    picture = a_picture()
    picture.alerts = (replace(scene.alerts()[0], subject="storefront"),)
    picture.diagnosis = scene.diagnosis()
    picture.traffic = scene.traffic()

    assert alert_line(picture)[0] == (
        "✗ storefront: 20 % of requests fail, because a fault answers 503 to half of the requests to v2"
        " · y why · u undoes revision 12"
    )


def test_of_several_causes_that_of_the_alerts_own_subject_is_named() -> None:
    picture = a_picture()
    picture.alerts = (replace(scene.alerts()[0], subject="pantry"),)
    picture.diagnosis = scene.diagnosis()
    picture.traffic = scene.traffic()  # whose newest revision is the other cause

    assert alert_line(picture)[0].endswith("likely because answers 503 by itself to one request in five · y why")


def test_a_cause_that_is_not_that_of_the_alert_is_not_named() -> None:
    picture = a_picture()
    picture.alerts = (replace(scene.alerts()[0], subject="project", message="the disk is full"),)
    picture.diagnosis = scene.diagnosis()
    picture.traffic = scene.traffic()

    assert alert_line(picture)[0] == "✗ project: the disk is full · y why"


def test_a_try_tells_what_is_left_of_it_and_what_it_did() -> None:
    trial = scene.traffic(trying=True).trial
    assert trial is not None

    said = "◔ try of steamer: 24s left · errors 0% → 10%, p99 18ms → 220ms"

    assert trial_words(trial, scene.NOW) == said
    assert steering_line(scene.traffic(trying=True), scene.NOW)[0] == f"{said} · K keep · B back now"
    assert steering_line(scene.traffic(trying=True), scene.NOW, looks_only=True)[0] == said
    assert "no traffic yet" in trial_words(replace(trial, before={}), scene.NOW)


def test_a_ramp_tells_its_step() -> None:
    assert ramp_words(a_ramp(), scene.NOW) == "◔ ramp of steamer v2: 5% [25%] 100% · next in 12s"


def test_what_is_over_is_not_told() -> None:
    state = scene.traffic(trying=True)
    assert state.trial is not None
    over = replace(state, trial=replace(state.trial, ended="kept"), ramps=(a_ramp(RampState.DONE),))

    assert steering_line(over, scene.NOW)[0] == ""


# --- bell and title -----------------------------------------------------------------------------------------------


def test_the_bell_rings_once_for_what_begins_while_one_looks_on() -> None:
    attention, picture = Attention(), a_picture()
    picture.alerts = scene.alerts()
    assert not attention.rings(picture)  # it was there before
    picture.alerts = (*scene.alerts(), replace(scene.alerts()[0], subject="mill"))
    assert attention.rings(picture)
    assert not attention.rings(picture)


def test_silenced_and_pending_alerts_ring_nothing() -> None:
    attention, picture = Attention(), a_picture()
    attention.rings(picture)
    picture.alerts = (
        replace(scene.alerts()[0], silenced_until=scene.NOW + 60),
        replace(scene.alerts()[0], subject="mill", state=AlertState.PENDING),
    )
    assert not attention.rings(picture)


def test_the_title_is_written_when_it_changes() -> None:
    attention, picture = Attention(), a_picture()
    assert attention.title(picture) == "bakery: ✗ 2 with errors"
    picture.telemetry = replace(scene.telemetry(), services={})
    assert attention.title(picture) == "bakery: ● healthy"
    assert attention.title(picture) is None
    picture.alerts = scene.alerts()
    assert attention.title(picture) == "✗ bakery: 1 alert"
    picture.away = "gone"
    assert attention.title(picture) == "▲ bakery: the supervisor is away"
