"""`sandbox traffic`: what people type becomes edits in the file's words, and what changed is said."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli.main import main
from sandbox.cli.style import Style
from sandbox.cli.traffic.explain import head_of
from sandbox.cli.traffic.look import finding_lines
from sandbox.control import (
    Change,
    ChangeResult,
    ConsideredRule,
    Edit,
    EditAction,
    Explanation,
    Finding,
    GoldenSignals,
    Origin,
    Ramp,
    RampState,
    RequestHead,
    Rerouted,
    Revision,
    ShownRule,
    Trial,
)
from sandbox.errors import ConfigError, ConflictError, Location, Problem
from tests.cli.conftest import Place
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]
WAS = Revision(
    number=8, at=0.0, origin=Origin.CLI, why="", summary="pantry: 2 s later (was no fault)", services=("pantry",)
)
SEEN = GoldenSignals(seconds=60.0, requests_per_second=12.5, error_ratio=0.203, p50=4.2, p99=230.0)


def traffic(line: str) -> int:
    return main(["traffic", *shlex.split(line)])


def the_edit(bakery: FakeControl) -> Edit:
    ((_, change),) = bakery.traffic.calls
    assert isinstance(change, Change) and change.origin is Origin.CLI
    (edit,) = change.edits
    return edit


A = EditAction


@pytest.mark.parametrize(
    ("line", "action", "values"),
    [
        ("split steamer v1=90 v2=10", A.SPLIT, {"v1": 90, "v2": 10}),
        ("split steamer v1=90% v2=10%", A.SPLIT, {"v1": 90, "v2": 10}),
        ("route steamer v2", A.ROUTE, {"version": "v2"}),
        (
            "fault steamer --delay 2s --percent 50",
            A.FAULT,
            {"delay": {"fixedDelay": "2s", "percentage": 50.0}},
        ),
        ("fault steamer --abort 503 --percent 10%", A.FAULT, {"abort": {"httpStatus": 503, "percentage": 10.0}}),
        ("fault steamer --abort grpc:14", A.FAULT, {"abort": {"grpcStatus": 14}}),
        ("fault steamer --abort reset", A.FAULT, {"abort": {"reset": True}}),
        ("timeout steamer 2s --attempt 500ms", A.TIMEOUT, {"request": "2s", "backendRequest": "500ms"}),
        ("timeout steamer --idle 1m", A.TIMEOUT, {"idle": "1m"}),
        (
            "retry steamer 2 --codes 502,503 --backoff 50ms --methods post --on reset",
            A.RETRY,
            {"attempts": 2, "codes": [502, 503], "on": ["reset"], "methods": ["POST"], "backoff": "50ms"},
        ),
        ("limit steamer 100/1s --by caller", A.LIMIT, {"requests": 100, "per": "1s", "by": "caller"}),
        (
            "limit steamer 10/m --burst 20 --by x-user",
            A.LIMIT,
            {"requests": 10, "per": "1m", "burst": 20, "by": "header", "header": "x-user"},
        ),
        ("limit steamer --concurrency 5", A.LIMIT, {"concurrency": 5}),
        ("mirror steamer v2 --percent 10", A.MIRROR, {"version": "v2", "percentage": 10.0}),
        (
            "allow steamer --from orders --method get --path '/a*'",
            A.ALLOW,
            {"from": ["orders"], "methods": ["GET"], "paths": ["/a*"]},
        ),
        ("deny steamer --from orders", A.DENY, {"from": ["orders"], "methods": [], "paths": []}),
        ("clear steamer", A.CLEAR, {"what": "all"}),
        ("clear steamer fault", A.CLEAR, {"what": "fault"}),
        (
            "set steamer outlierDetection.consecutive5xxErrors=3 loadBalancer.simple=RANDOM",
            A.SET,
            {"outlierDetection": {"consecutive5xxErrors": 3}, "loadBalancer": {"simple": "RANDOM"}},
        ),
    ],
    ids=str,
)
def test_short_forms(bakery: FakeControl, line: str, action: EditAction, values: Mapping[str, Any]) -> None:
    assert traffic(line) == 0

    assert the_edit(bakery) == Edit(service="steamer", action=action, values=values)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("--header x-user=me", {"headers": [{"name": "x-user", "type": "Exact", "value": "me"}]}),
        ("--header x-user~m.*", {"headers": [{"name": "x-user", "type": "RegularExpression", "value": "m.*"}]}),
        ("--header x-user", {"headers": [{"name": "x-user", "type": "Present"}]}),
        ("--query q=1=2", {"queryParams": [{"name": "q", "type": "Exact", "value": "1=2"}]}),
        ("--path /a", {"path": {"type": "PathPrefix", "value": "/a"}}),
        ("--path =/a", {"path": {"type": "Exact", "value": "/a"}}),
        ("--path '~/a+'", {"path": {"type": "RegularExpression", "value": "/a+"}}),
        ("--method post --from orders --from shop", {"method": "POST", "from": ["orders", "shop"]}),
    ],
)
@pytest.mark.parametrize("form", ["route steamer {} v2", "route steamer v2 {}", "fault steamer {} --abort 503"])
def test_which_requests(bakery: FakeControl, form: str, words: str, match: Mapping[str, Any]) -> None:
    assert traffic(form.format(words)) == 0

    assert the_edit(bakery).match == match


def test_an_optional_argument_may_stand_behind_options(bakery: FakeControl) -> None:
    assert traffic("timeout steamer --path /x 2s") == 0
    assert the_edit(bakery).values == {"request": "2s"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("split steamer v1", "'v1' is not VERSION=WEIGHT"),
        ("split steamer v1=90 v1=10", "v1 is there twice"),
        ("fault pantry", "a --delay, an --abort, or both"),
        ("fault pantry --abort 5x", "'5x' is no way to fail"),
        ("fault pantry --delay 2s --percent 200", "is no percentage"),
        ("timeout mill", "say how long"),
        ("retry mill 2 --codes x", "are no codes"),
        ("limit orders", "say how many in how much time"),
        ("limit orders fast", "'fast' is no rate"),
        ("limit orders 1/s --concurrency 3", "two limits"),
        ("route steamer v2 --header =me", "has no name"),
        ("set pantry x", "is not KEY=VALUE"),
        ("clear pantry soup", "invalid choice"),
        ("splitt steamer v1=1", "there is no command `traffic splitt`"),
        ("ramp steamer", "name the version"),
        ("ramp steamer v2 --steps a", "are no steps"),
        ("try", "name a file or a change to try"),
        ("try retry pantry 2 --for soon", "argument --for"),
        ("explain ''", "is no request"),
        ("explain 'GET http://steamer/ x'", "is no request"),
        ("explain GET\\ / ", "names no service"),
    ],
)
def test_what_is_not_understood(bakery: FakeControl, capsys: Output, line: str, says: str) -> None:
    assert traffic(line) == 2
    assert says in capsys.readouterr().err


# --- what is said -----------------------------------------------------------------------------------------------------


def test_what_changed_and_the_way_back(bakery: FakeControl, capsys: Output) -> None:
    bakery.traffic.result = ChangeResult(
        revision=WAS,
        changed=("pantry",),
        diff="",
        findings=(Finding(severity="warning", place="mill → pantry", message="may take 2 s", hint="less"),),
        what_if=Rerouted(requests=40, seconds=61.0, moved=(("pantry v1", "503 by a fault", 4),)),
    )

    assert traffic("fault pantry --delay 2s --why 'to see'") == 0

    assert capsys.readouterr().out.splitlines() == [
        "✓ revision 8: pantry: 2 s later (was no fault)",
        "  of the last 40 requests (1m 1s), would have gone elsewhere: 4 pantry v1 → 503 by a fault",
        "  warning mill → pantry: may take 2 s (less)",
        "  back: sandbox traffic rollback",
    ]
    ((_, change),) = bakery.traffic.calls
    assert change.why == "to see"


def test_a_dry_run_shows_the_difference(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("route steamer v2 --dry-run") == 0

    assert capsys.readouterr().out.splitlines() == [
        "--- in force",
        "+++ wanted",
        "  nothing was changed (--dry-run)",
        "  just this, and nothing else meanwhile: --if-revision 0",
    ]


def test_nothing_to_change(bakery: FakeControl, capsys: Output) -> None:
    bakery.traffic.result = ChangeResult(revision=None, changed=(), diff="")

    assert traffic("route steamer v2") == 0
    assert capsys.readouterr().out == "nothing changes: this is in force already\n"


def test_a_change_for_scripts(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("route steamer v2 -o json") == 0
    assert json.loads(capsys.readouterr().out)["revision"]["origin"] == "cli"


def test_a_policy_that_is_not_valid(bakery: FakeControl, capsys: Output) -> None:
    problem = Problem(Location("traffic.steamer.rules[0]"), "steamer has no version v9", "versions: v1, v2")
    bakery.traffic.failures["change"] = ConfigError([problem])

    assert traffic("route steamer v9") == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: sandbox traffic route steamer: steamer has no version v9",
        "hint: versions: v1, v2",
    ]


def test_a_conflict_is_a_failure(bakery: FakeControl, capsys: Output) -> None:
    bakery.traffic.failures["change"] = ConflictError("revision 8 is in force, not 7", place="traffic")

    assert traffic("route steamer v2") == 1
    assert "revision 8 is in force" in capsys.readouterr().err


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["traffic: {steamer: {concurrency: 3}, orders: }", "{steamer: {concurrency: 3}, orders: {}}"]
)
def test_a_file_is_applied_whole(bakery: FakeControl, tmp_path: Path, text: str) -> None:
    file = tmp_path / "traffic.yaml"
    file.write_text(text)

    assert traffic(f"apply -f {file} --if-revision 7") == 0

    ((_, change),) = bakery.traffic.calls
    assert change.if_revision == 7
    assert [(edit.service, edit.action, edit.values) for edit in change.edits] == [
        ("steamer", A.REPLACE, {"concurrency": 3}),
        ("orders", A.REPLACE, {}),
    ]


def test_what_is_wrong_in_a_file_is_said_with_its_place(bakery: FakeControl, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "traffic.yaml"
    file.write_text("steamer:\n  rules:\n    - backendRefs: [{version: v9}]\n")
    places = (
        "traffic.steamer.rules[0].backendRefs[0].version",
        "traffic.steamer.rules[0].timeouts.request",
        "elsewhere",
    )
    bakery.traffic.failures["change"] = ConfigError([Problem(Location(place), "is wrong") for place in places])

    assert traffic(f"apply -f {file}") == 2

    assert capsys.readouterr().err.splitlines() == [
        f"error: {file}:3:31: is wrong",
        f"error: {file}:3:7: is wrong",
        "error: elsewhere: is wrong",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steamer: [", "traffic.yaml:1:"),
        ("[]", "is not a map"),
        ("", "has no policies"),
        ("steamer: 3", "should be a map"),
    ],
)
def test_files_that_are_none(bakery: FakeControl, capsys: Output, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "traffic.yaml"
    file.write_text(text)

    assert traffic(f"apply -f {file}") == 2
    assert says in capsys.readouterr().err


# --- looking ----------------------------------------------------------------------------------------------------------


def test_the_policies_in_force(bakery: FakeControl, capsys: Output) -> None:
    rules = (
        ShownRule(name="rule 1", requests="requests with x-user: me", goes_to="v2", effects=()),
        ShownRule(name="rule 2", requests="every request", goes_to="v1 90 %, v2 10 %", effects=("time limit: 2 s",)),
    )
    bakery.traffic.now = replace(bakery.traffic.now, shown={"steamer": rules}, drift=("steamer",))

    assert traffic("get") == 0

    assert capsys.readouterr().out.splitlines() == [
        "revision 1, not as in the file: steamer",
        "SERVICE  RULE    REQUESTS                  GO TO             AND",
        "steamer  rule 1  requests with x-user: me  v2",
        "         rule 2  every request             v1 90 %, v2 10 %  time limit: 2 s",
        "without a policy: orders",
        "see: sandbox traffic diff · keep: sandbox traffic save",
    ]


def test_without_a_word_it_is_get(bakery: FakeControl, capsys: Output) -> None:
    assert main(["traffic", "-o", "yaml"]) == 0
    assert capsys.readouterr().out == "steamer: {}\n"


def test_one_service_and_one_that_is_not_there(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("get steamer -o json") == 0
    assert json.loads(capsys.readouterr().out)["policies"] == {"steamer": {}}
    assert traffic("get oven") == 2


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("fault pantry --abort 503 --if-revision 7", "change"),
        ("try --if-revision 7 route steamer v2 -d", "start_trial"),
        ("try route steamer v2 --if-revision 7", "start_trial"),
        ("ramp steamer v2 -d --if-revision 7", "start_ramp"),
    ],
)
def test_what_was_looked_at_is_what_is_changed(bakery: FakeControl, line: str, method: str) -> None:
    assert traffic(line) == 0
    ((called, asked, *_),) = bakery.traffic.calls
    assert (called, asked.if_revision) == (method, 7)


def test_a_file_beside_the_projects_own_is_found_from_anywhere(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    control = place.running("bakery")
    (place.apps / "bakery" / "tame.yaml").write_text("pantry: {concurrency: 5}\n")
    monkeypatch.chdir(place.apps)

    assert traffic("apply -f tame.yaml") == 0
    assert traffic("try tame.yaml --for 1s -d") == 0
    assert [call[0] for call in control.traffic.calls] == ["change", "start_trial"]
    assert traffic("apply -f none.yaml") == 1
    assert "none.yaml: can't be read" in capsys.readouterr().err


def test_history_diff_and_rollback(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("rollback 3 --why enough --if-revision 5") == 0
    assert bakery.traffic.calls == [("rollback", 3, Origin.CLI, "enough", 5)]
    capsys.readouterr()

    assert traffic("history") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["REVISION", "WHEN", "FROM", "WHAT", "WHY"] and lines[1].endswith(
        "steamer changed  enough"
    )
    assert traffic("diff 3 2") == 0
    assert capsys.readouterr().out == "--- revision 3\n+++ revision 2\n"
    assert traffic("diff") == 0
    assert capsys.readouterr().out == "no difference\n"
    assert traffic("diff 3 -o json") == 0
    assert json.loads(capsys.readouterr().out) == {"diff": "--- revision 3\n+++ revision None\n"}


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("rollback --dry-run", "rollback"),
        ("fault steamer --abort 503 --dry-run", "change"),
        ("try fault steamer --abort 503 --dry-run", "change"),
        ("try --dry-run fault steamer --abort 503", "change"),
    ],
)
def test_what_is_only_asked_for_changes_nothing(bakery: FakeControl, line: str, method: str, capsys: Output) -> None:
    assert traffic(line) == 0

    assert capsys.readouterr().out.splitlines()[:3] == [
        "--- in force",
        "+++ wanted",
        "  nothing was changed (--dry-run)",
    ]
    assert [call[0] for call in bakery.traffic.calls] == [method]
    assert bakery.traffic.revisions == FakeControl().traffic.revisions


def test_a_header_is_not_written_as_on_the_wire(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("route steamer v2 --header 'x-user: me'") == 2
    assert capsys.readouterr().err == (
        "error: --header: 'x-user: me' has a colon in its name\nhint: write it like --header x-user=me\n"
    )
    assert traffic("route steamer v2 --header x-at=12:30") == 0


def test_saving(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("save steamer") == 0
    assert capsys.readouterr().out == "✓ /app/sandbox.yaml says now what is in force of steamer\n"

    fault = Finding(severity="info", place="steamer, rule 1", message="a fault is in force: 503", hint="end it")
    bakery.traffic.faults = (fault,)
    assert traffic("save steamer") == 0
    assert capsys.readouterr().out.splitlines()[1] == "  warning steamer, rule 1: a fault is in force: 503 (end it)"


def test_lint_fails_for_errors_alone(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("lint") == 0
    assert capsys.readouterr().out == "nothing to object to\n"
    bakery.traffic.findings = (Finding(severity="error", place="steamer, rule 1", message="nobody is ready"),)
    assert traffic("lint") == 1
    assert capsys.readouterr().out == "error steamer, rule 1: nobody is ready\n"


def test_findings_fit_on_eighty_columns_and_are_one_line_each_for_scripts() -> None:
    finding = Finding(
        severity="warning",
        place="storefront → orders → steamer → pantry",
        message="one failing request becomes up to 27 at pantry (orders 3×, steamer 3×, pantry 3×)",
        hint="retry at one of these services only, or give retries a budget",
    )

    assert list(finding_lines((finding,), Style(enabled=False), 80)) == [
        "warning storefront → orders → steamer → pantry: one failing request becomes up",
        "  to 27 at pantry (orders 3×, steamer 3×, pantry 3×) (retry at one of these",
        "  services only, or give retries a budget)",
    ]
    assert len(list(finding_lines((finding,), Style(enabled=False)))) == 1


def test_an_explanation(bakery: FakeControl, capsys: Output) -> None:
    head = RequestHead(service="steamer", path="/x?y", headers={"x-user": "me"}, caller="orders")
    bakery.traffic.explanation = Explanation(
        request=head,
        answered_by="steamer v2",
        rules=(
            ConsideredRule(name="rule 1", fits=False, why="no"),
            ConsideredRule(name="rule 2", fits=True, why="yes"),
        ),
        steps=("it goes to steamer v2",),
    )

    assert traffic("explain 'GET http://steamer/x?y' --from orders -H 'X-User: me'") == 0

    assert capsys.readouterr().out.splitlines() == [
        "GET http://steamer/x?y from orders → steamer v2",
        "  · rule 1: no",
        "  ✓ rule 2: yes",
        "  → it goes to steamer v2",
    ]


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("steamer", RequestHead(service="steamer")),
        ("post steamer:8000/a", RequestHead(service="steamer", method="POST", path="/a")),
        ("http://storefront.localhost:8080/", RequestHead(service="storefront")),
    ],
)
def test_requests_as_people_write_them(text: str, head: RequestHead) -> None:
    assert head_of(text, "gateway", []) == head


# --- for a while ------------------------------------------------------------------------------------------------------


def a_trial(ended: str | None = None) -> Trial:
    return Trial(
        revision=2,
        services=("steamer",),
        began_at=1767268800.0,
        ends_at=1767268860.0,
        before={"steamer": SEEN},
        now={"steamer": replace(SEEN, error_ratio=0.0)},
        ended=ended,
    )


def test_trying_a_short_form_until_it_has_ended(bakery: FakeControl, capsys: Output) -> None:
    bakery.traffic.now = replace(bakery.traffic.now, trial=a_trial("reverted: its time was over"))

    assert traffic("try --for 90s retry steamer 2 --codes 503 --why 'to see'") == 0

    ((_, change, seconds),) = bakery.traffic.calls
    assert (seconds, change.why, change.edits[0].action) == (90.0, "to see", A.RETRY)
    assert capsys.readouterr().out.splitlines() == [
        "revision 2 is in force for 1m 30s, then all is as before",
        "SERVICE          REQUESTS/S  ERRORS  P50   P99",
        "steamer  before  12.5        20.3%   4 ms  230 ms",
        "steamer  since   12.5        0.0%    4 ms  230 ms",
        "reverted: its time was over",
    ]


def test_a_trial_that_nobody_took_part_in_says_so(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("try route steamer v2 -d") == 0
    assert "nobody sent requests; a little traffic: sandbox load --trickle on" in capsys.readouterr().out


def test_trying_a_file_with_the_time_behind_it(bakery: FakeControl, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "traffic.yaml"
    file.write_text("steamer: {concurrency: 3}")

    assert traffic(f"try {file} --for 5m -d -o json") == 0
    assert json.loads(capsys.readouterr().out)["revision"] == 2

    ((_, change, seconds),) = bakery.traffic.calls
    assert (seconds, change.edits[0].action) == (300.0, A.REPLACE)
    assert traffic(f"try {file} more") == 2


def test_keeping_and_ending(bakery: FakeControl) -> None:
    assert traffic("try --keep") == 0
    assert traffic("try --end") == 0
    assert bakery.traffic.calls == [("end_trial", True), ("end_trial", False)]


def a_ramp(state: RampState) -> Ramp:
    return Ramp(
        service="steamer",
        version="v2",
        steps=(5, 100),
        step=1,
        every=30.0,
        state=state,
        next_at=None,
        reason="so",
        now=None,
    )


@pytest.mark.parametrize(
    ("state", "code", "says"),
    [
        (RampState.DONE, 0, ["done: steamer v2: so"]),
        (RampState.ABORTED, 1, ["aborted: steamer v2: so", "all goes where it went before"]),
        (RampState.CANCELLED, 0, ["cancelled: steamer v2: so"]),
    ],
)
def test_a_ramp_to_its_end(bakery: FakeControl, capsys: Output, state: RampState, code: int, says: list[str]) -> None:
    bakery.traffic.now = replace(bakery.traffic.now, ramps=(a_ramp(state),))

    assert traffic("ramp steamer v2 --steps 5,100 --every 30s --abort-if 'p99>1s' --header x-user=me") == code

    ((_, request),) = bakery.traffic.calls
    assert (request.steps, request.every, request.abort_if) == ((5, 100), 30.0, "p99>1s")
    assert request.match == {"headers": [{"name": "x-user", "type": "Exact", "value": "me"}]}
    assert capsys.readouterr().out.splitlines()[1:] == says


def test_ending_a_ramp(bakery: FakeControl, capsys: Output) -> None:
    assert traffic("ramp steamer --end") == 0
    assert bakery.traffic.calls == [("end_ramp", "steamer")]
    assert "cancelled" in capsys.readouterr().out
