from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import EditAction
from sandbox.errors import UsageError
from sandbox.tui.rules import (
    as_written,
    diff_lines,
    fault_words,
    limit_words,
    mirror_of,
    mirror_words,
    policy_rows,
    retry_words,
    rounded,
    timeout_words,
    weights,
)
from sandbox.tui.steering import FORMS, edit, filled, preset, weighed
from sandbox.tui.words import Tone
from tests.fakes import scene

VERSIONS = ("v1", "v2")


def test_weights_are_those_of_the_rule_for_everything_else() -> None:
    assert weights(scene.STEAMER, VERSIONS) == {"v1": 90, "v2": 10}
    assert weights({}, VERSIONS) == {"v1": 50, "v2": 50}
    assert weights({}, ("v1", "v2", "v3")) == {"v1": 34, "v2": 33, "v3": 33}


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(0.01, 1e6), min_size=1))
def test_rounded_shares_add_up(raw: dict[str, float]) -> None:
    found = rounded(raw)

    assert sum(found.values()) == 100
    total = sum(raw.values())
    assert all(abs(found[name] - raw[name] / total * 100) < 1 for name in raw)


def test_what_one_gets_the_others_lose_in_their_proportion() -> None:
    assert weighed({"v1": 60, "v2": 20, "v3": 20}, "v2", 60) == {"v1": 30, "v2": 60, "v3": 10}
    assert weighed({"v1": 100, "v2": 0, "v3": 0}, "v1", 40) == {"v1": 40, "v2": 30, "v3": 30}
    assert weighed({"v1": 100}, "v1", 40) == {"v1": 100}


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 100), min_size=2), st.integers(-20, 120))
def test_the_one_that_is_set_gets_what_was_said(parts: dict[str, int], wanted: int) -> None:
    name = next(iter(parts))
    found = weighed(parts, name, wanted)

    assert sum(found.values()) == 100
    assert found[name] == min(max(wanted, 0), 100)
    assert list(found) == list(parts)


@pytest.mark.parametrize("form", FORMS.values(), ids=str)
def test_every_preset_makes_an_edit_and_the_last_one_clears(form: object) -> None:
    assert form in FORMS.values()
    one = next(known for known in FORMS.values() if known is form)
    for index in range(len(one.presets) - 1):
        assert edit("steamer", one, preset(one, index, VERSIONS)).action is one.action
    clear = edit("steamer", one, preset(one, len(one.presets) - 1, VERSIONS))
    assert (clear.action, clear.values) == (EditAction.CLEAR, {"what": str(one.action)})


def test_a_mirror_goes_to_the_last_version() -> None:
    form = FORMS[EditAction.MIRROR]

    assert edit("steamer", form, preset(form, 1, VERSIONS)).values == {"version": "v2", "percentage": 10}


@pytest.mark.parametrize(
    ("action", "texts", "error"),
    [
        (EditAction.FAULT, {"status": "5xx"}, "status: '5xx' is no whole number"),
        (EditAction.FAULT, {"status": "503", "share": "many"}, "'many' is no percentage"),
        (EditAction.FAULT, {"status": "503", "share": "120"}, "120 % is not between 0 and 100"),
        (EditAction.FAULT, {"share": "50"}, "a fault needs a status or a time"),
        (EditAction.RETRY, {"attempts": "2", "codes": "503 x"}, "answer: 'x' is no whole number"),
        (EditAction.LIMIT, {"per": "1s"}, "a limit needs a number of requests"),
        (EditAction.MIRROR, {"percentage": "10"}, "a mirror needs a version"),
    ],
)
def test_what_means_nothing_is_told(action: EditAction, texts: dict[str, str], error: str) -> None:
    with pytest.raises(UsageError, match=error.replace("(", r"\(")):
        edit("steamer", FORMS[action], texts)


def test_fields_say_what_is_in_force() -> None:
    assert filled(FORMS[EditAction.FAULT], scene.STEAMER)["status"] == "503"
    assert filled(FORMS[EditAction.RETRY], scene.STEAMER) == {"attempts": "2", "codes": "503", "backoff": ""}
    assert filled(FORMS[EditAction.LIMIT], scene.STEAMER)["requests"] == "100"
    assert set(filled(FORMS[EditAction.TIMEOUT], {}).values()) == {""}


# --- rules in words -----------------------------------------------------------------------------------------------


def test_rules_in_words() -> None:
    assert fault_words({"abort": {"httpStatus": 503, "percentage": 50}}) == "503 50%"
    assert fault_words({"delay": {"fixedDelay": "2s", "percentage": {"value": 10}}}) == "+2s 10%"
    assert timeout_words({"request": "2s", "backendRequest": "500ms"}) == "2s, per try 500ms"
    assert retry_words({"attempts": 2, "codes": [502, 503]}) == "2× on 502,503"
    assert limit_words({"requests": 10, "per": "1s"}, {"concurrency": 4}) == "10 per 1s, 4 at a time"
    mirror = {"requestMirror": {"backendRef": {"version": "v2"}, "percent": 10}}
    assert mirror_words(mirror_of({"rules": [{"filters": [mirror]}]})) == "v2 10%"
    assert mirror_words({}) == fault_words(None) == retry_words(None) == ""


def test_services_with_a_fault_stand_first() -> None:
    rows = policy_rows(scene.traffic(), ["mill", "orders", "steamer"])

    assert [row.key for row in rows] == ["steamer", "mill", "orders"]
    assert rows[0].cells["weights"].text == "v1 90%, v2 10% +1 rule"
    assert rows[0].cells["drift"] == ("differs", Tone.BUSY, None)


def test_rules_are_shown_as_they_are_written() -> None:
    text = as_written("steamer", scene.STEAMER)

    assert text.startswith("traffic:\n  steamer:\n    rules:\n")
    assert "httpStatus: 503" in text
    assert as_written("mill", {}).startswith("no rules for mill")


def test_a_difference_without_its_heads() -> None:
    assert diff_lines("--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n z") == [
        ("@@ -1 +1 @@", Tone.OFF),
        ("-x", Tone.BAD),
        ("+y", Tone.GOOD),
        (" z", Tone.PLAIN),
    ]
