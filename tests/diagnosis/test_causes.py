"""Each kind of cause, by the facts that show it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.control import Confidence, InstanceUsage, PassedOver, Status
from sandbox.diagnosis import diagnose
from sandbox.errors import UsageError
from sandbox.events import Kind, ReloadReport
from sandbox.model import (
    Abort,
    AuthorizationAction,
    AuthorizationRule,
    BackendRef,
    ConnectionPool,
    Delay,
    Fault,
    Match,
    Objectives,
    RateLimit,
    Retry,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from tests.diagnosis.scenes import edge, event, evidence, first, service, span, trace, why
from tests.fakes import data


def policy(**rule: object) -> dict[str, TrafficPolicy]:
    return {"pantry": TrafficPolicy(rules=(Rule(**rule),))}  # type: ignore[arg-type]


# --- services that are not there --------------------------------------------------------------------------------------


def test_stopped_by_hand() -> None:
    found = why("storefront", service("pantry", Status.STOPPED, "stopped by hand", ready=0, instances=()))

    assert first(found).kind == "upstream_down"
    assert first(found).command == "sandbox start pantry"
    assert found.summary == ("pantry does not run: stopped by hand (storefront → orders → steamer → pantry)")
    assert found.path == ("storefront", "orders", "steamer", "pantry")


def test_scaled_to_none() -> None:
    found = why("pantry", service("pantry", Status.STOPPED, "scaled to 0", ready=0, replicas=0, instances=()))

    assert first(found).command == "sandbox scale pantry=1"


@pytest.mark.parametrize(
    ("listens", "what"),
    [("127.0.0.1:9000", "port"), ("10.0.0.1:43121", "address"), ("127.0.0.1:9000, [::]:9001", "port")],
)
def test_it_listens_elsewhere(listens: str, what: str) -> None:
    reason = (
        f"not ready yet: nothing listens on port 43121; it listens on {listens} instead of 127.0.0.1:43121; "
        "use the PORT and HOST variables"
    )
    found = first(why("storefront", service("pantry", Status.STARTING, reason)))

    assert (found.kind, found.service) == ("listens_elsewhere", "pantry")
    assert found.message == f"pantry listens on another {what} than it was given: {listens}"
    assert found.confidence is Confidence.CERTAIN


def test_a_crash_names_the_exception_and_its_line() -> None:
    reason = "ended: app.py:3: KeyError: 'x' (exit code 1); next start in 2 s"
    ends = [event(Kind.INSTANCE_BACKOFF, f"pantry-v1-1 {reason}", "pantry", before) for before in (60, 30, 4)]
    found = first(why("storefront", service("pantry", Status.BACKOFF, reason), events=tuple(ends)))

    assert found.kind == "crash"
    assert found.message == "pantry crashed: app.py:3: KeyError: 'x'; it has no ready instance"
    assert found.facts[1] == "it ended 3 times in the last 2 minutes, the last time 4 s ago"


def test_a_crash_that_is_over_still_explains_for_a_while() -> None:
    ended = "pantry-v1-1 ended: exit code 7; next start in 0.25 s"
    recent = why("storefront", events=(event(Kind.INSTANCE_BACKOFF, ended, "pantry"),))
    old = why("storefront", events=(event(Kind.INSTANCE_BACKOFF, ended, "pantry", before=600),))

    assert (first(recent).kind, first(recent).message) == ("recovered", "pantry crashed, and runs again")
    assert old.healthy


def test_a_new_instance_that_did_not_come_up_was_no_crash_of_the_service() -> None:
    """The old ones served on; the save is told as one, as long as it is not mended."""
    ended = event(Kind.INSTANCE_BACKOFF, "pantry-v1-2 ended: app.py:2: SyntaxError: x", "pantry", before=20)
    failed = event(Kind.RELOAD_FAILED, "pantry failed to reload", "pantry", before=19)
    mended = event(Kind.SERVICE_RELOADED, "pantry reloaded", "pantry", before=5)

    assert why("storefront", events=(ended, failed, mended)).healthy


def test_a_caller_that_leaves_amid_an_answer_has_had_one() -> None:
    assert why("storefront", edge("steamer", "pantry", flags={"DC": 1.0}, codes={"200": 10.0})).healthy


def test_out_of_memory_is_told_before_the_crash_that_it_is() -> None:
    reason = "ended: killed by signal 9 (SIGKILL), out of memory; next start in 1 s"
    usage = InstanceUsage(
        instance="pantry-v1-1", service="pantry", cpu=0, memory=1, memory_limit=64 << 20, open_files=None, restarts=3
    )
    found = first(why("storefront", service("pantry", Status.BACKOFF, reason), usage=(usage,)))

    assert found.kind == "out_of_memory"
    assert "its limit is 64 MB" in found.facts


def test_a_failed_build_shows_its_last_words() -> None:
    failed = event(
        Kind.BUILD_FAILED, "pantry could not be prepared: uv failed", "pantry", detail="a\nb\nno such package"
    )
    found = first(why("pantry", service("pantry", Status.FAILED, "uv failed"), events=(failed,)))

    assert (found.kind, found.facts[-1]) == ("build_failed", "no such package")


def test_an_unhealthy_service() -> None:
    found = first(why("storefront", service("pantry", Status.UNHEALTHY, "GET /healthz answered 500")))

    assert found.message == "pantry runs but is not healthy: GET /healthz answered 500"


def test_what_waits_is_not_to_blame() -> None:
    found = why(
        "storefront",
        service("steamer", Status.PENDING, "waits for pantry to be healthy", ready=0),
        service("pantry", Status.UNHEALTHY, "GET /healthz answered 500"),
    )

    assert [cause.kind for cause in found.causes] == ["unhealthy", "waiting"]


@pytest.mark.parametrize(
    "reason",
    [
        "ended: app.py:3: KeyError: 'x' (exit code 1); next start in 2 s",
        "ended: killed by signal 9 (SIGKILL), out of memory; next start in 1 s",
        "it listens on 127.0.0.1:9000 instead of 127.0.0.1:8000; use the PORT variable",
    ],
)
def test_what_waits_has_not_done_what_it_waits_for(reason: str) -> None:
    found = why(
        "storefront",
        service("steamer", Status.PENDING, f"waits for pantry to be healthy (backoff: {reason})", ready=0),
        service("pantry", Status.BACKOFF, reason),
    )

    assert [cause.service for cause in found.causes] == ["pantry", "steamer"]
    assert found.causes[1].kind == "waiting"


def test_a_bad_save_while_the_old_code_serves() -> None:
    error = "app.py:2: SyntaxError: invalid syntax; the previous one serves on"
    report = ReloadReport(version="v1", generation=2, files=("pantry/app.py",), count=1, seconds={}, error=error)
    failed = event(Kind.RELOAD_FAILED, "pantry failed to reload", "pantry", reload=report)
    found = first(why("pantry", service("pantry", Status.BACKOFF, error, ready=1), events=(failed,)))

    assert found.kind == "bad_save"
    assert found.message == (
        "the save of pantry/app.py broke pantry: app.py:2: SyntaxError: invalid syntax; what ran before serves on"
    )
    mended = event(Kind.SERVICE_RELOADED, "pantry reloaded", "pantry", before=1)
    assert why("pantry", events=(failed, mended)).healthy


# --- what the proxy does with requests --------------------------------------------------------------------------------


def test_an_injected_fault() -> None:
    rule = policy(fault=Fault(abort=Abort(http_status=503, percentage=50), delay=Delay(fixed=2)))
    found = first(why("storefront", edge("steamer", "pantry", errors=5, faults=5), policies=rule))

    assert (found.kind, found.service, found.confidence) == ("fault_injected", "pantry", Confidence.CERTAIN)
    assert found.message == (
        "somebody injected a fault into pantry: all requests come 2 s later and 50 % of the requests get 503"
    )


def test_a_fault_that_hits_nobody_is_no_cause_and_one_that_is_not_counted_is_likely() -> None:
    rule = policy(fault=Fault(abort=Abort(http_status=503)))
    uncounted = replace(edge("steamer", "pantry"), values={**edge("steamer", "pantry").values})
    values = {metric: rate for metric, rate in uncounted.values.items() if metric != "faults"}

    assert why("storefront", policies=rule).healthy
    found = why("storefront", replace(uncounted, values=values), policies=rule)
    assert first(found).confidence is Confidence.LIKELY
    assert found.summary.startswith("likely: ")


def test_a_fault_for_another_caller_is_not_told() -> None:
    rule = policy(matches=(Match(callers=("gateway",)),), fault=Fault(abort=Abort(http_status=503)))

    assert why("pantry", edge("steamer", "pantry", faults=1), policies=rule).healthy


def test_what_is_taken_back_is_no_cause_although_its_numbers_are_still_there() -> None:
    past = edge("steamer", "pantry", faults=1, timeouts=1, rate_limited=1, denied=1)

    assert why("pantry", past).healthy


def test_a_time_limit_below_the_p99() -> None:
    rule = policy(timeouts=Timeouts(backend_request=0.2))
    found = first(why("storefront", edge("steamer", "pantry", errors=2, timeouts=2), policies=rule))

    assert found.kind == "timeout_short"
    assert found.message == "the time limit of 200 ms for steamer's requests to pantry is shorter than its p99"
    assert found.command == "sandbox traffic timeout pantry --attempt 1s"
    assert why("storefront", edge("steamer", "pantry", 1000, timeouts=2), policies=rule).healthy


def test_retries_that_use_up_the_deadline() -> None:
    rule = policy(timeouts=Timeouts(request=1.0, backend_request=0.5), retry=Retry(attempts=3))
    found = why("storefront", edge("steamer", "pantry", errors=2, timeouts=4, retries=6), policies=rule)

    assert [cause.kind for cause in found.causes] == [
        "retries_exhaust_deadline",
        "timeout_short",
        "retries_amplify",
    ]
    assert first(found).facts[0] == "rule 1 of pantry's traffic policy allows 4 tries of 500 ms within 1 s"
    assert first(found).command == "sandbox traffic retry pantry 1"


def test_retries_that_multiply_the_load() -> None:
    found = first(why("storefront", edge("steamer", "pantry", retries=20)))

    assert found.message == "retries multiply steamer's load on pantry by 3"


def test_an_open_circuit_with_its_limits() -> None:
    limits = {"pantry": TrafficPolicy(connection_pool=ConnectionPool(max_pending_requests=1), concurrency=2)}
    found = first(why("storefront", edge("steamer", "pantry", errors=4, overflows=4), policies=limits))

    assert found.kind == "circuit_open"
    assert found.facts[1:] == (
        "concurrency of its traffic policy: 2 at a time",
        "connectionPool of its traffic policy: maxPendingRequests 1",
    )


def test_a_rate_limit() -> None:
    limits = {"storefront": TrafficPolicy(rate_limit=RateLimit(requests=5, per=1))}
    found = first(why("storefront", edge("gateway", "storefront", rate_limited=3), policies=limits))

    assert found.message == "a rate limit refuses requests from gateway to storefront: 5 requests in 1 s"


def test_denied_by_a_rule_and_for_not_being_declared() -> None:
    rules = {"pantry": TrafficPolicy(authorization=(AuthorizationRule(action=AuthorizationAction.DENY),))}
    by_rule = first(why("storefront", edge("steamer", "pantry", denied=1), policies=rules))
    undeclared = first(why("pantry", edge("storefront", "pantry", denied=1), declared_only=True))

    assert by_rule.facts[-1] == "authorization of its traffic policy: denies from anybody"
    assert by_rule.command == "sandbox traffic clear pantry deny"
    assert undeclared.command == "add pantry to depends_on of storefront"


def test_a_version_whose_share_others_have() -> None:
    sentence = "rule 1 of pantry: v2 has no ready instance; v1 takes its share"
    one = PassedOver(rule=1, versions=("v2",), instead=("v1",), sentence=sentence)
    pantry = replace(service("pantry"), passed_over=(one,))

    found = first(why("storefront", pantry))

    assert (found.kind, found.message) == ("version_passed_over", sentence)
    assert (found.facts, found.command) == (("v2 is scaled to 0",), "sandbox scale pantry@v2=1")


def test_a_rule_that_leads_to_no_ready_version() -> None:
    rules = {
        "pantry": TrafficPolicy(
            rules=(Rule(name="canary", matches=(Match(method="GET"),), backends=(BackendRef(version="v2"),)),)
        )
    }
    found = first(why("storefront", policies=rules))

    assert found.message == "rule 1 (canary) of pantry's traffic policy leads to v2, which has no ready instance"
    assert found.command == "sandbox scale pantry@v2=1"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://nobody.localhost:8080/x", "leads to nothing: no service is called nobody"),
        ("orders.localhost:8080", "leads to nothing: orders is not public"),
    ],
)
def test_an_address_that_leads_to_nothing(url: str, message: str) -> None:
    found = why(url)

    assert first(found).kind == "route_nothing"
    assert found.summary == f"{url} {message}"


def test_what_is_no_url_is_said() -> None:
    with pytest.raises(UsageError, match="is no URL"):
        why("http://[storefront/buy")


@pytest.mark.parametrize(
    "url", ["http://storefront.localhost:8080/buy", "http://127.0.0.1:8080/", "http://storefront/"]
)
def test_an_address_is_the_service_that_answers_there(url: str) -> None:
    found = why(url, edge("steamer", "pantry", retries=20))

    assert found.path[0] == "storefront"


def test_connections_that_break_although_it_is_ready() -> None:
    found = first(why("storefront", edge("steamer", "pantry", errors=3, flags={"UC,URX": 3.0})))

    assert found.message == (
        "pantry is ready, and connections to it break: the instance closed the connection before it had answered (UC)"
    )


def test_a_service_that_fails_by_itself_with_the_newest_error_in_its_output() -> None:
    failing = [edge(caller, callee, errors=2) for caller, callee in [("orders", "steamer"), ("steamer", "pantry")]]
    found = why("storefront", *failing, errors={"pantry": "app.py:7: ZeroDivisionError: division by zero"})

    assert [(cause.kind, cause.service) for cause in found.causes] == [("own_errors", "pantry")]
    assert first(found).message == "pantry itself answers with errors: 20 % of steamer's requests"
    assert "app.py:7: ZeroDivisionError" in first(found).facts[-1]


def test_the_slow_hop_is_the_one_with_most_time_of_its_own() -> None:
    slow = [
        edge("gateway", "storefront", p99=430),
        edge("storefront", "orders", p99=420),
        edge("orders", "steamer", p99=410),
    ]
    found = why("storefront", *slow)

    assert (first(found).kind, first(found).service) == ("slow_hop", "steamer")
    assert first(found).confidence is Confidence.LIKELY
    assert first(found).message.startswith("steamer is the slow hop: about 390 ms of the 430 ms that storefront takes")


SLOW = [edge("gateway", "storefront", p99=430), edge("storefront", "orders", p99=420)]


@pytest.mark.parametrize(
    ("past", "healthy"), [({}, False), ({"storefront": 400.0}, True), ({"storefront": 60.0}, False)]
)
def test_what_always_took_that_long_is_no_symptom(past: dict[str, float], healthy: bool) -> None:
    assert why("storefront", *SLOW, past=past).healthy is healthy


def test_a_second_is_slow_however_long_it_has_been_so_and_so_is_what_breaks_a_promise() -> None:
    second = [edge("gateway", "storefront", p99=1100), edge("storefront", "orders", p99=1000)]

    assert not why("storefront", *second, past={"storefront": 1100.0}).healthy
    promised = {"storefront": Objectives(latency={"p99": 0.3})}
    assert not why("storefront", *SLOW, past={"storefront": 430.0}, objectives=promised).healthy


def test_a_handful_of_requests_has_no_slow_hop() -> None:
    few = [edge("gateway", "storefront", 0.2, p99=430), edge("storefront", "orders", 0.2, p99=420)]

    assert why("storefront", *few).healthy


def test_a_part_is_not_told_to_be_larger_than_the_whole() -> None:
    larger = [edge("gateway", "storefront", p99=2020), edge("storefront", "orders", p99=3510)]
    found = first(why("storefront", *larger))

    assert found.message == (
        "orders is the slow hop: its own p99 is about 3.49 s; "
        "storefront, of whose requests not all wait for that, takes 2.02 s"
    )
    assert "(100 %)" in found.facts[0]


def test_one_that_is_slow_by_itself_is_no_hop() -> None:
    found = why("pantry", edge("steamer", "pantry", p99=430))

    assert first(found).message == "pantry itself is slow: of its p99 of 430 ms about 430 ms are its own"


def test_time_that_nobody_in_particular_takes_has_no_slow_hop() -> None:
    even = [
        edge("gateway", "storefront", p99=400),
        edge("storefront", "orders", p99=250),
        edge("orders", "steamer", p99=120),
    ]

    assert why("storefront", *even).healthy


# --- all at once ------------------------------------------------------------------------------------------------------


def test_the_proxy_comes_before_all() -> None:
    found = evidence(service("pantry", Status.UNHEALTHY, "GET /healthz answered 500"))
    proxy = replace(found.status.proxy, status=Status.BACKOFF, reason="ended: exit code 1")
    causes = diagnose(replace(found, status=replace(found.status, proxy=proxy)), "storefront").causes

    assert [cause.kind for cause in causes] == ["proxy_down", "unhealthy"]


def test_a_configuration_that_can_not_be_used() -> None:
    told = "sandbox.yaml:3:5: unknown key; nothing changes until sandbox.yaml is mended"
    found = evidence(events=(event(Kind.RELOAD_FAILED, told),))
    status = data.project(*found.status.services, warnings=(told,))

    assert first(diagnose(replace(found, status=status))).kind == "bad_configuration"


# --- traces -----------------------------------------------------------------------------------------------------------


def test_a_trace_that_failed_names_the_innermost_failure_and_then_why() -> None:
    request = trace(
        span("a", None, "storefront", 0, 0.1, error=True),
        span("b", "a", "orders", 0.01, 0.08, error=True),
        span("c", "b", "pantry", 0.02, 0.01, error=True, attributes={"response_flags": "UH"}, story="rule 1, try 2"),
    )
    down = service("pantry", Status.UNHEALTHY, "GET /healthz answered 500")
    found = diagnose(replace(evidence(down), trace=request), request.id)

    assert [cause.kind for cause in found.causes] == ["unhealthy", "trace_failed"]
    assert found.causes[1].message == "pantry failed at GET /: no ready instance (UH)"
    assert found.causes[1].facts == ("20 ms after the request began; it took 10 ms", "rule 1, try 2")


def test_a_request_that_led_to_no_service_is_told_by_its_host() -> None:
    said = {"caller": "storefront", "response_flags": "UF", "http.host": "api.example.com"}
    request = trace(
        span("a", None, "storefront", 0, 0.1, error=True), span("b", "a", "", 0.01, 0.08, error=True, attributes=said)
    )
    found = diagnose(replace(evidence(), trace=request), request.id)

    assert found.summary.startswith("api.example.com failed at GET /: ")
    assert found.causes[0].service is None
    assert found.causes[0].command == f"sandbox trace {request.id[:12]}"


def test_a_slow_trace_names_who_spent_the_time_himself() -> None:
    request = trace(
        span("a", None, "storefront", 0, 1.0),
        span("b", "a", "orders", 0.05, 0.9),
        span("c", "b", "steamer", 0.1, 0.1),
        span("d", "b", "pantry", 0.15, 0.75),
    )
    found = diagnose(replace(evidence(), trace=request), request.id)

    assert found.summary == "pantry took most of the time: 750 ms of 1 s at GET /"


def test_a_trace_without_anything_wrong() -> None:
    found = diagnose(replace(evidence(), trace=trace(span("a", None, "storefront", 0, 0.1))), "4bf9")

    assert found.healthy


def test_a_caller_that_leaves_before_the_answer() -> None:
    hung = [edge(a, b, flags={"DC": 1.0}, codes={"0": 1.0}) for a, b in (("orders", "steamer"), ("steamer", "pantry"))]
    found = why("storefront", *hung)

    assert [(cause.kind, cause.service) for cause in found.causes] == [("no_answer", "pantry")]
    assert first(found).facts[0] == "1 requests a second from steamer: the caller left before the answer (DC)"


def test_an_open_circuit_without_limits_is_likely_unless_they_were_just_taken_back() -> None:
    refused = edge("steamer", "pantry", overflows=4)
    applied = event(Kind.POLICY_APPLIED, "revision 3")

    assert first(why("storefront", refused)).confidence is Confidence.LIKELY
    assert why("storefront", refused, events=(applied,)).healthy
