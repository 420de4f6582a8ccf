from __future__ import annotations

import re

from sandbox.control import InstanceUsage
from sandbox.telemetry.columns import EdgeKey
from sandbox.telemetry.exposition import Totals, exposition

STEAMER = EdgeKey("orders", "steamer", "v2")
COUNTED = {
    "requests": 10,
    "errors": 3,
    "code.200": 7,
    "code.503": 2,
    "code.504": 1,
    "out.503.UF.upstream_reset{a.b}": 1,
    "out.503.-.via_upstream": 1,
    "out.504.UT.response_timeout": 1,
    "out.0.DC.downstream_remote_disconnect": 4,
    "le.5": 6,
    "le.100": 1,
    "retries": 3,
}


def lines(**given: object) -> list[str]:
    totals = Totals(project="bakery", counted={STEAMER: COUNTED}, gauges={STEAMER: {"active": 2}}, usage=())
    return exposition(totals).splitlines()


def value_of(name: str, **labels: str) -> float:
    for line in lines():
        found = re.fullmatch(r"(\w+){(.*)} (\S+)", line)
        if found and found[1] == name:
            given = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2]))
            if labels.items() <= given.items():
                return float(found[3])
    raise AssertionError(f"no {name} with {labels}")


def test_requests_by_status_and_flags_with_istios_labels() -> None:
    who = {"source_workload": "orders", "destination_service": "steamer", "destination_version": "v2"}

    def requests(code: str, flags: str) -> float:
        return value_of("istio_requests_total", **who, response_code=code, response_flags=flags)

    assert (requests("200", "-"), requests("503", "-"), requests("503", "UF")) == (7, 1, 1)
    assert (requests("504", "UT"), requests("0", "DC")) == (1, 4)


def test_durations_are_a_cumulative_histogram() -> None:
    name = "istio_request_duration_milliseconds"

    assert [value_of(f"{name}_bucket", le=le) for le in ("4", "5", "80", "100", "+Inf")] == [0, 6, 6, 7, 7]
    assert (value_of(f"{name}_count"), value_of(f"{name}_sum")) == (7, 6 * 4.5 + 90)


def test_routes_of_the_gateway() -> None:
    counted = {"requests": 3, "route.web rule 1": 3, "route_errors.web rule 1": 1, "route_le.5|web rule 1": 3}
    totals = Totals(project="bakery", counted={EdgeKey("gateway", "web", "v1"): counted}, gauges={})
    labels = 'route="web rule 1",destination_service="web",destination_version="v1"'
    found = exposition(totals).splitlines()

    assert f"sandbox_route_requests_total{{{labels}}} 3" in found
    assert f"sandbox_route_errors_total{{{labels}}} 1" in found
    assert f'sandbox_route_duration_milliseconds_bucket{{{labels},le="4"}} 0' in found
    assert f'sandbox_route_duration_milliseconds_bucket{{{labels},le="5"}} 3' in found


def test_the_rest() -> None:
    assert value_of("sandbox_retries_total") == 3
    assert value_of("sandbox_active_requests") == 2


def test_every_family_is_described_once_before_its_samples() -> None:
    seen: set[str] = set()
    described: set[str] = set()
    for line in lines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in described
            described.add(name)
        elif not line.startswith("#"):
            family = re.sub(r"_(bucket|count)$", "", line.partition("{")[0])
            seen.add(family.removesuffix("_sum") if family.removesuffix("_sum") in described else family)
    assert seen <= described


def test_labels_can_not_be_broken_out_of() -> None:
    edge = EdgeKey("store", 'x"y\\z\n', "external")
    text = exposition(Totals(project="p", counted={edge: {"code.200": 1}}, gauges={}))

    assert r'destination_service="x\"y\\z\n"' in text


def test_instances() -> None:
    used = InstanceUsage(
        instance="web-v1-1", service="web", cpu=0.25, memory=1024, memory_limit=None, open_files=None, restarts=2
    )
    text = exposition(Totals(project="p", counted={}, gauges={}, usage=(used,)))

    assert 'sandbox_cpu_cores{service="web",instance_id="web-v1-1",project="p"} 0.25' in text
    assert "sandbox_open_files{" not in text
