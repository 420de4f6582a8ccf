"""Each command of `sandbox traffic` against real Envoy: what it does to real requests, and that it can be undone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.proxy.envoy import find_envoy
from tests.integration import vocabulary
from tests.integration.harness import eventually, kill, newcomer, proxy_pid, supervisor_pid, wait_for_line
from tests.integration.street import Street, make_street

TOO_LARGE = """\
      - matches: [{path: {type: RegularExpression, value: "/(a|b){60}"}}]
        fault: {abort: {httpStatus: 500}}
"""
"""A rule that `stricter_envoy` refuses."""

ORDERS = "/via/orders/x"
PANTRY = "/via/orders/via/pantry/"


@pytest.fixture(scope="module")
def running() -> Iterator[Street]:
    with newcomer() as user:
        user.environment |= {"SANDBOX_ENVOY": str(stricter_envoy(user.home)), "PYTHONUNBUFFERED": "1"}
        street = make_street(user)
        user.up(street.folder)
        yield street
        user.down(street.folder)


def stricter_envoy(folder: Path) -> Path:
    """An Envoy that takes regular expressions up to a tenth of the size that the checks let through."""
    layer = {"name": "stricter", "static_layer": {"re2.max_program_size.error_level": 100}}
    more = json.dumps({"layered_runtime": {"layers": [layer]}})
    path = folder / "stricter-envoy"
    path.write_text(f"#!/bin/sh\nexec '{find_envoy({})}' \"$@\" --config-yaml '{more}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def street(running: Street) -> Iterator[Street]:
    """As the file says, before and after each test."""
    file = running.folder / "sandbox.yaml"
    text = file.read_text()
    yield running
    if file.read_text() != text:  # it failed half way
        file.write_text(text)
        eventually(lambda: not running.state()["drift"])
    running.traffic("rollback", "1")


def test_what_the_file_says_is_the_first_revision(street: Street) -> None:
    state = street.state()

    assert (state["revision"], state["drift"]) == (1, [])
    assert street.answers(ORDERS, 20) == {"orders-v1": 20}


def test_split(street: Street) -> None:
    said = street.traffic("split", "orders", "v1=1", "v2=3", "--why", "a look").stdout

    assert "orders: v1 25 %, v2 75 % (was v1)" in said and "back: sandbox traffic rollback" in said
    found = street.answers(ORDERS, 100)
    assert abs(found["orders-v2"] - 75) < 4 * (100 * 0.25 * 0.75) ** 0.5, found


def test_route_by_header_path_method_query_and_caller(street: Street) -> None:
    for words in (["--header", "x-user=me"], ["--path", "/new"], ["--query", "v=2"]):
        street.traffic("route", "orders", *words, "v2")
    street.traffic("route", "pantry", "v1", "--from", "orders")  # the only version there is

    assert street.answers(ORDERS, 5, x_user="me") == {"orders-v2": 5}
    assert street.answers("/via/orders/new/x", 5) == {"orders-v2": 5}
    assert street.answers(ORDERS, 5, x_user="you") == {"orders-v1": 5}
    told = street.traffic("explain", "GET http://orders/x", "--from", "shop", "-H", "x-user: me").stdout
    assert "→ orders v2" in told and "✓ rule" in told


def test_a_fault_for_one_user_and_not_for_others(street: Street) -> None:
    street.traffic("fault", "pantry", "--abort", "503", "--header", "x-user=me")

    assert street.answers(PANTRY, 5, x_user="me") == {"503": 5}
    assert street.answers(PANTRY, 5) == {"pantry-v1": 5}


def test_a_delay(street: Street) -> None:
    street.traffic("fault", "pantry", "--delay", "300ms", "--percent", "100")

    began = time.monotonic()
    assert street.answers(PANTRY, 3) == {"pantry-v1": 3}
    assert time.monotonic() - began > 0.9

    street.traffic("clear", "pantry", "fault")
    began = time.monotonic()
    street.answers(PANTRY, 3)
    assert time.monotonic() - began < 0.9


def test_timeout(street: Street) -> None:
    street.traffic("timeout", "pantry", "100ms")

    assert street.answers("/via/orders/via/pantry/slow", 3) == {"504": 3}


def test_retry(street: Street) -> None:
    flaky = "/via/orders/via/pantry/flaky"
    assert street.answers(flaky, 4)["503"] == 2

    street.traffic("retry", "pantry", "1", "--codes", "503")

    assert street.answers(flaky, 6) == {"pantry-v1": 6}


def test_limit(street: Street) -> None:
    street.traffic("limit", "pantry", "5/1h")

    assert street.answers(PANTRY, 8) == {"pantry-v1": 5, "429": 3}


def test_mirror(street: Street) -> None:
    street.traffic("route", "orders", "v2", "--header", "x-to=v2")
    before = street.seen("v2")

    street.traffic("mirror", "orders", "v2", "--path", "/copied")

    assert street.answers("/via/orders/copied", 5) == {"orders-v1": 5}
    eventually(lambda: street.seen("v2") == before + 5)


def test_allow_and_deny(street: Street) -> None:
    street.traffic("deny", "pantry", "--from", "orders")

    denied = street.get(PANTRY)
    assert denied.status == 403 and "authorization" in json.dumps(denied.body).lower(), denied
    assert street.answers("/via/pantry/", 3) == {"pantry-v1": 3}

    street.traffic("clear", "pantry", "deny")
    street.traffic("allow", "pantry", "--from", "orders", "--method", "GET")
    assert street.answers(PANTRY, 3) == {"pantry-v1": 3}
    assert street.answers("/via/pantry/", 3) == {"403": 3}


def test_settings_beside_the_rules(street: Street) -> None:
    street.traffic("set", "pantry", "outlierDetection.consecutive5xxErrors=3", "connectionPool.maxConnections=100")

    assert street.state()["policies"]["pantry"]["outlierDetection"] == {"consecutive5xxErrors": 3}
    assert street.answers(PANTRY, 3) == {"pantry-v1": 3}


def test_every_key_that_shows_in_a_request(street: Street) -> None:
    file = street.folder / "words.yaml"
    file.write_text(vocabulary.POLICY)
    street.traffic("apply", "-f", str(file))

    vocabulary.shows(street)


def test_apply_diff_history_and_rollback(street: Street) -> None:
    file = street.folder / "wish.yaml"
    file.write_text(
        "traffic:\n  orders:\n    rules:\n      - backendRefs: [{version: v2}]\n  pantry: {concurrency: 50}\n"
    )

    dry = street.traffic("apply", "-f", str(file), "--dry-run").stdout
    assert "+pantry:" in dry and "nothing was changed" in dry and street.answers(ORDERS, 3) == {"orders-v1": 3}

    street.traffic("apply", "-f", str(file))
    assert street.answers(ORDERS, 5) == {"orders-v2": 5}
    assert "nothing changes" in street.traffic("apply", "-f", str(file)).stdout
    assert street.state()["drift"] == ["orders", "pantry"]
    assert "+    - version: v2" in street.traffic("diff").stdout

    street.traffic("rollback")
    assert street.answers(ORDERS, 5) == {"orders-v1": 5}
    lines = street.traffic("history", "-n", "2").stdout.splitlines()
    assert "back to revision" in lines[1] and "concurrency" not in lines[1]


def test_what_is_not_valid_changes_nothing(street: Street) -> None:
    before = street.state()["revision"]
    file = street.folder / "wish.yaml"
    file.write_text("pantry: {concurrency: 5}\norders: {rules: [{backendRefs: [{version: v9}]}]}\n")

    failed = street.traffic("apply", "-f", str(file), check=2)

    assert f"{file}:2:43: orders has no version v9" in failed.stderr
    assert street.state()["revision"] == before


def test_what_envoy_refuses_changes_nothing_and_is_said_with_its_place(street: Street) -> None:
    before = street.state()["revision"]
    file = street.folder / "wish.yaml"
    file.write_text(
        f"pantry: {{concurrency: 5}}\norders:\n  rules:\n{TOO_LARGE}      - backendRefs: [{{version: v2}}]\n"
    )

    failed = street.traffic("apply", "-f", str(file), check=1)
    assert f"error: {file}:4:9: Envoy refuses it: " in failed.stderr and "max program size" in failed.stderr
    assert "hint: nothing has changed" in failed.stderr
    failed = street.traffic("fault", "pantry", "--abort", "503", "--path", "~/(a|b){60}", check=1)
    assert "error: sandbox traffic fault pantry: Envoy refuses it: " in failed.stderr
    failed = street.traffic("try", str(file), check=1)
    assert f"error: {file}:4:9: Envoy refuses it: " in failed.stderr

    assert street.answers(PANTRY, 3) == {"pantry-v1": 3}
    state = street.state()
    assert (state["revision"], state["drift"], state["trial"]) == (before, [], None)
    assert json.loads(street.sandbox.run("ps", "-o", "json", cwd=street.folder).stdout)["proxy"]["status"] == "healthy"


def test_a_saved_file_that_envoy_refuses_is_no_revision(street: Street) -> None:
    file = street.folder / "sandbox.yaml"
    text, before = file.read_text(), street.state()["revision"]
    head, rules, rest = text.partition("    rules:\n")
    place = f"{file}:{len((head + rules).splitlines()) + 1}:9"

    file.write_text(f"{head}{rules}{TOO_LARGE}{rest}")
    eventually(lambda: street.state()["refused"])

    state = street.state()
    assert f"{place}: Envoy refuses it: " in state["refused"] and "max program size" in state["refused"]
    assert (state["revision"], state["drift"]) == (before, ["orders"])
    assert street.answers(ORDERS, 3) == {"orders-v1": 3}
    said = street.traffic("get").stdout
    assert "not as in the file: orders" in said and "sandbox.yaml:" in said and "Envoy refuses it" in said
    assert street.traffic("history", "-n", "1").stdout.splitlines()[1].startswith(f"{before} ")
    events = street.sandbox.run("events", cwd=street.folder).stdout
    assert "Envoy refuses it" in events and "nothing changes until sandbox.yaml is mended" in events
    again = street.sandbox.run("up", street.folder, "-d", check=1)
    assert "sandbox.yaml:" in again.stderr and "Envoy refuses it" in again.stderr

    kill(supervisor_pid(street.sandbox))
    eventually(lambda: street.state()["refused"])  # the next one is refused it as well
    assert (street.state()["revision"], street.answers(ORDERS, 3)) == (before, {"orders-v1": 3})

    file.write_text(text)
    eventually(lambda: not street.state()["refused"])
    assert (street.state()["revision"], street.state()["drift"]) == (before, [])


def test_a_change_that_expects_another_revision(street: Street) -> None:
    file = street.folder / "wish.yaml"
    file.write_text("pantry: {concurrency: 5}\n")

    failed = street.traffic("apply", "-f", str(file), "--if-revision", "99999", check=1)

    assert "is in force, not 99999" in failed.stderr


def test_a_version_without_an_instance_is_passed_over_and_that_is_said(street: Street) -> None:
    street.traffic("split", "orders", "v1=50", "v2=50")
    street.sandbox.run("scale", "orders@v2=0", cwd=street.folder)
    sentence = "rule 1 of orders: v2 has no ready instance; v1 takes its share"

    def is_said() -> bool:
        return all(sentence in street.sandbox.run(word, cwd=street.folder).stdout for word in ("ps", "events", "why"))

    eventually(is_said)
    assert street.answers(ORDERS, 20) == {"orders-v1": 20}
    assert "v2 has no ready instance" in street.traffic("lint").stdout
    assert "v2 has no ready instance" in street.traffic("explain", "GET http://orders/x", "--from", "shop").stdout

    street.sandbox.run("scale", "orders@v2=1", cwd=street.folder)
    eventually(lambda: "no rule of orders passes" in street.sandbox.run("events", cwd=street.folder).stdout)
    eventually(lambda: "orders-v2" in street.answers(ORDERS, 20))


def test_connections_stay_open_and_no_request_fails_while_policies_change(street: Street) -> None:
    import http.client

    client = http.client.HTTPConnection("127.0.0.1", street.gateway)
    client.connect()
    socket = client.sock
    for number in range(8):
        street.traffic("split", "orders", f"v1={number + 1}", "v2=1")
        for _ in range(5):
            client.request("GET", ORDERS)
            answer = client.getresponse()
            answer.read()
            assert answer.status == 200
    assert client.sock is socket
    client.close()


def test_policies_survive_a_supervisor_and_an_envoy(street: Street) -> None:
    street.traffic("route", "orders", "v2")

    kill(supervisor_pid(street.sandbox))
    eventually(lambda: street.state()["policies"]["orders"]["rules"][0]["backendRefs"] == [{"version": "v2"}])
    kill(proxy_pid(street.sandbox))

    eventually(lambda: street.answers(ORDERS, 5) == {"orders-v2": 5})
    assert street.state()["drift"] == ["orders"]


# --- for a while ------------------------------------------------------------------------------------------------------


def test_a_trial_ends_by_itself(street: Street) -> None:
    said = street.traffic("try", "--for", "1s", "route", "orders", "v2").stdout

    assert "reverted: its time was over" in said
    assert street.answers(ORDERS, 5) == {"orders-v1": 5}


def test_a_trial_ends_although_supervisor_and_terminal_die(street: Street) -> None:
    with street.sandbox.started(
        "traffic", "try", "--for", "4s", "route", "orders", "v2", cwd=street.folder
    ) as terminal:
        wait_for_line(terminal, "is in force for 4s")
        kill(terminal.pid)
        kill(supervisor_pid(street.sandbox))

    eventually(lambda: street.state()["trial"]["ended"])
    assert street.answers(ORDERS, 5) == {"orders-v1": 5}
    assert street.state()["drift"] == []


def test_a_trial_is_kept(street: Street) -> None:
    street.traffic("try", "--for", "60s", "-d", "route", "orders", "v2")
    street.traffic("try", "--keep")

    assert street.answers(ORDERS, 5) == {"orders-v2": 5}


def test_a_ramp_goes_back_when_the_version_fails(street: Street) -> None:
    broken = street.folder / "app" / "broken-v2"
    broken.touch()
    street.traffic("ramp", "orders", "v2", "--steps", "50,100", "--every", "60s", "-d")

    def aborted() -> bool:
        street.answers(ORDERS, 20)
        (ramp,) = street.state()["ramps"]
        return bool(ramp["state"] == "aborted")

    eventually(aborted, 30)
    broken.unlink()
    assert street.answers(ORDERS, 10) == {"orders-v1": 10}


def test_a_ramp_reaches_its_end(street: Street) -> None:
    street.traffic("ramp", "orders", "v2", "--steps", "50,100", "--every", "1s", "-d")

    def done() -> bool:
        street.answers(ORDERS, 5)
        (ramp,) = street.state()["ramps"]
        assert ramp["state"] != "aborted"
        return bool(ramp["state"] == "done")

    eventually(done, 30)
    assert street.answers(ORDERS, 5) == {"orders-v2": 5}


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_save_of_the_file_and_what_was_changed_by_hand(street: Street) -> None:
    file = street.folder / "sandbox.yaml"
    text = file.read_text()
    street.traffic("route", "orders", "v2")

    file.write_text(text + "  pantry: {concurrency: 40}\n")
    eventually(lambda: "pantry" in street.state()["policies"])
    assert street.state()["drift"] == ["orders"]  # stays as it was changed
    file.write_text(text.replace("[{version: v1}]", "[{version: v1, weight: 3}, {version: v2, weight: 0}]"))
    eventually(lambda: street.state()["drift"] == [])

    assert street.answers(ORDERS, 5) == {"orders-v1": 5}
    file.write_text(text)
    eventually(lambda: street.state()["policies"]["orders"]["rules"] == [{"backendRefs": [{"version": "v1"}]}])


def test_what_is_in_force_is_written_into_the_file_and_its_comments_stay(street: Street) -> None:
    file = street.folder / "sandbox.yaml"
    text = file.read_text()
    street.traffic("route", "orders", "v2")
    revision = street.state()["revision"]

    assert "says now what is in force of orders" in street.traffic("save").stdout

    saved = file.read_text()
    assert saved.startswith("name: street") and "# how requests travel" in saved and "version: v2" in saved
    eventually(lambda: street.state()["drift"] == [])
    assert street.state()["revision"] == revision
    assert "says so already" in street.traffic("save").stdout
    file.write_text(text)
    eventually(lambda: street.answers(ORDERS, 3) == {"orders-v1": 3})
