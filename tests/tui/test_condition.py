"""How urgent a service is, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Edge, PassedOver, ProjectStatus, Status, TelemetrySnapshot, TrafficState
from sandbox.tui.condition import Condition, Severity, conditions, detail
from sandbox.tui.table import rows
from sandbox.tui.words import Tone
from tests.fakes import data, scene

CHAIN = ("storefront", "orders", "pantry")


def project(**statuses: Status) -> ProjectStatus:
    calls = {"storefront": ("orders",), "orders": ("pantry",), "pantry": ()}
    return data.project(
        *(
            replace(data.service(name, depends_on=calls[name]), status=statuses.get(name, Status.HEALTHY))
            for name in CHAIN
        )
    )


def failing(shares: Mapping[str, float]) -> TelemetrySnapshot:
    """Of ten requests a second along the chain, so many fail at each service."""
    edges = [
        Edge(caller=caller, callee=name, version="v1", signals=data.signals(10, 10 * shares.get(name, 0.0)))
        for caller, name in zip(("gateway", *CHAIN), CHAIN, strict=False)
    ]
    return TelemetrySnapshot(at=data.NOW, services={edge.callee: edge.signals for edge in edges}, edges=tuple(edges))


def how(telemetry: TelemetrySnapshot, **statuses: Status) -> dict[str, Condition]:
    return conditions(project(**statuses), telemetry)


def order(telemetry: TelemetrySnapshot, **statuses: Status) -> list[str]:
    return [row.key for row in rows(project(**statuses), telemetry)]


def test_of_services_that_fail_together_the_one_that_fails_by_itself_stands_first() -> None:
    telemetry = failing({"storefront": 0.7, "orders": 0.8, "pantry": 0.8})
    found = how(telemetry)

    assert order(telemetry) == ["pantry", "storefront", "orders"]
    assert found["pantry"].text == "✗ failing 80 %"
    assert found["storefront"].text == "▲ failing 70 %"
    assert found["storefront"].reason == "70 % of its requests fail, and so do its calls to orders"


def test_a_version_that_gets_no_requests_is_told() -> None:
    sentence = "rule 1 of pantry: v2 has no ready instance; v1 takes its share"
    one = PassedOver(rule=1, versions=("v2",), instead=("v1",), sentence=sentence)
    pantry = replace(data.service("pantry"), passed_over=(one,))
    found = conditions(data.project(pantry), None)["pantry"]

    assert (found.severity, found.text, found.reason) == (Severity.ALERTED, "▲ no v2", sentence)
    assert detail(pantry, None, found)[0].endswith(f"{sentence} · y tells why")


def test_a_caller_that_fails_much_more_than_its_calls_fails_by_itself() -> None:
    found = how(failing({"orders": 0.9, "pantry": 0.1}))

    assert (found["orders"].severity, found["pantry"].severity) == (Severity.FAILING, Severity.ERRING)


def test_a_fault_that_somebody_injected_is_told() -> None:
    traffic = TrafficState(
        revision=2, policies={"pantry": {"rules": [{"fault": {"abort": {}}}]}}, versions={}, drift=()
    )
    found = conditions(project(), failing({"pantry": 0.8}), traffic=traffic)

    assert found["pantry"].reason == "80 % of its requests fail · a fault is injected into it"
    assert detail(project().services[2], None, found["pantry"]) == (
        "✗ pantry · port 8000 · 80 % of its requests fail · a fault is injected into it · y tells why",
        Tone.BAD,
    )


def test_what_was_stopped_stands_before_what_runs_and_first_among_those_when_it_is_called() -> None:
    assert order(failing({}), orders=Status.STOPPED) == ["orders", "storefront", "pantry"]

    telemetry = failing({"storefront": 1.0, "orders": 1.0, "pantry": 1.0})
    assert order(telemetry, pantry=Status.STOPPED) == ["pantry", "storefront", "orders"]
    found = how(telemetry, pantry=Status.STOPPED)["pantry"]
    assert (found.text, found.tone) == ("■ stopped", Tone.BAD)
    assert detail(project(pantry=Status.STOPPED).services[2], None, found)[0].endswith("fail · s starts it")


def test_what_does_not_run_stands_before_what_fails() -> None:
    assert order(failing({"pantry": 0.8}), orders=Status.BACKOFF) == ["orders", "pantry", "storefront"]


def test_an_alert_about_what_runs_well_is_told_by_its_row() -> None:
    slow = replace(scene.alerts()[0], rule="p99", subject="storefront → orders", message="slow")
    found = conditions(project(), failing({}), [slow])

    assert (found["orders"].text, found["orders"].reason) == ("▲ alert", "slow")
    assert found["pantry"].severity is Severity.FINE


@given(
    st.dictionaries(st.sampled_from(CHAIN), st.floats(0, 1)),
    st.dictionaries(st.sampled_from(CHAIN), st.sampled_from(Status)),
)
def test_equally_urgent_ones_keep_the_order_of_the_file(shares: dict[str, float], statuses: dict[str, Status]) -> None:
    telemetry = failing(shares)
    found = how(telemetry, **statuses)
    keys = order(telemetry, **statuses)

    assert keys == sorted(CHAIN, key=lambda name: (found[name].severity, CHAIN.index(name)))
