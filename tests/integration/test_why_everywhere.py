"""Every cause that `why` knows, in both runtimes: a street where all of them are at work at the same time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docker_engine import RealEngine
from tests.integration.harness import newcomer
from tests.integration.misfortunes import PEER, People, Street


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def street(request: pytest.FixtureRequest) -> Iterator[Street]:
    with newcomer() as user:
        containers = request.param == "docker"
        if containers:
            engine: RealEngine = request.getfixturevalue("engine")
            user.environment |= {
                "SANDBOX_RUNTIME": "docker",
                **engine.variables,
                "SANDBOX_IMAGE_PYTHON": engine.image("python"),
            }
        street = Street(user, containers=containers)
        with People(street.gateway):
            yield street


@pytest.mark.parametrize(
    ("service", "kind", "words"),
    [
        ("failing", "own_errors", "failing itself answers with errors"),
        ("cutting", "broken_connections", "cutting is ready, and connections to it break"),
        ("hanging", "no_answer", "hanging does not answer some requests: web gives up waiting for it"),
        ("elsewhere", "listens_elsewhere", "elsewhere listens on another port than it was given"),
        ("deaf", "listens_elsewhere", "deaf listens on another address than it was given"),
        ("crashing", "crash", "KeyError: 'stones'"),
        ("waiting", "waiting", "waiting has not started: it waits for crashing"),
        ("sick", "unhealthy", "sick runs but is not healthy"),
        ("stopped", "upstream_down", "stopped does not run: stopped by hand"),
        ("faulty", "fault_injected", "60 % of the requests get 503"),
        ("secret", "denied", "web may not call secret: authorization refuses it"),
        ("limited", "rate_limited", "1 request in 1 s"),
        ("narrow", "circuit_open", "the circuit to narrow is open"),
        ("hurried", "timeout_short", "the time limit of 100 ms for web's requests to hurried is shorter than its p99"),
        ("retried", "retries_exhaust_deadline", "use up the whole time limit of 350 ms"),
        ("storming", "retries_amplify", "retries multiply web's load on storming by 4"),
        ("slow", "slow_hop", "slow itself is slow: of its p99 of"),
        ("split", "route_to_nothing", "v2, which has no ready instance"),
    ],
)
def test_the_cause_is_named(street: Street, service: str, kind: str, words: str) -> None:
    cause = street.named(service, kind, words)

    assert cause.service == service
    assert cause.facts
    assert cause.command


def test_out_of_memory(street: Street) -> None:
    if not street.containers:
        pytest.skip("the memory of processes is not limited")
    cause = street.named("greedy", "out_of_memory")

    assert cause.service == "greedy"
    assert "32" in cause.message + "".join(cause.facts)


@pytest.mark.parametrize("name", ["failing", "nobody"])
def test_an_address_that_leads_to_nothing(street: Street, name: str) -> None:
    url = street.gateway.replace("127.0.0.1", f"{name}.localhost")

    assert street.named(url, "route_nothing").message.startswith(f"{url} leads to nothing")


def test_a_trace_that_failed(street: Street) -> None:
    trace = street.failed_trace("failing")

    assert street.named(trace, "trace_failed").service == "failing"
    assert street.named(trace, "own_errors").service == "failing"


def test_a_save_that_broke_it_while_the_old_code_serves(street: Street) -> None:
    street.saved_file.write_text(PEER.replace("def main():", "def main(:"))
    cause = street.named("saved", "bad_save", "SyntaxError")

    assert cause.service == "saved"
    assert cause.message.endswith("what ran before serves on")
