"""Claiming loopback ports, against the real kernel."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from sandbox.ports import LOOPBACK, Ports, is_free, owner_of


@pytest.fixture
def ports() -> Iterator[Ports]:
    made = Ports("shop-123456")
    yield made
    made.close()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program (this one) listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def test_the_preferred_port_is_given_when_it_is_free(ports: Ports) -> None:
    wanted = free_port()
    assert ports.claim("gateway", preferred=wanted).port == wanted


def test_a_taken_port_moves_and_names_its_owner(ports: Ports, taken: int) -> None:
    claim = ports.claim("gateway", preferred=taken)
    assert claim.port != taken
    assert claim.wanted == taken
    assert claim.owner is not None
    assert claim.owner.pid == os.getpid()


def test_where_it_moved_is_remembered_even_when_the_preferred_one_is_free_again(taken: int) -> None:
    first = Ports("shop-123456")
    port = first.claim("gateway", preferred=taken).port
    first.close()
    again = Ports("shop-123456", first.remembered)
    claim = again.claim("gateway", preferred=free_port())
    again.close()
    assert claim.port == port
    assert claim.owner is None


def test_one_that_is_still_taken_stays_the_reason(ports: Ports, taken: int) -> None:
    first = ports.claim("gateway", preferred=taken)
    assert ports.claim("gateway", preferred=taken) == first
    assert ports.claim("gateway", preferred=taken, running=True).owner == first.owner


def test_a_claimed_port_can_be_bound_by_nobody_else(ports: Ports) -> None:
    port = ports.claim("edge").port
    assert not is_free(port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((LOOPBACK, port))


def test_the_proxy_can_listen_on_a_claimed_port(ports: Ports) -> None:
    port = ports.claim("edge").port
    with socket.socket() as proxy:
        proxy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        proxy.bind((LOOPBACK, port))
        proxy.listen()
        with socket.create_connection((LOOPBACK, port), timeout=1):
            connection, _ = proxy.accept()
            connection.close()


def test_a_released_port_can_be_bound_by_a_service(ports: Ports) -> None:
    port = ports.claim("instance").port
    ports.release("instance")
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)


def test_two_projects_claim_different_ports_for_the_same_purpose() -> None:
    one, other = Ports("same"), Ports("same")
    assert one.claim("edge").port != other.claim("edge").port
    one.close()
    other.close()


def test_a_second_claim_gives_the_same_port(ports: Ports) -> None:
    assert ports.claim("edge").port == ports.claim("edge").port


def test_what_still_serves_keeps_its_port(taken: int) -> None:
    ports = Ports("shop", {"edge": taken})
    assert ports.claim("edge", running=True).port == taken
    assert ports.claim("edge").port != taken
    ports.close()


def test_a_port_with_lingering_connections_is_free(ports: Ports) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((LOOPBACK, port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first is left in TIME_WAIT
        client.close()
    assert ports.claim("gateway", preferred=port).port == port


def test_the_owner_of_a_port_nobody_has_is_not_made_up() -> None:
    assert owner_of(free_port()).pid is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs abstract names of sockets")
def test_a_lent_port_is_unbound_and_no_other_project_takes_it(ports: Ports) -> None:
    lent = ports.claim("instance/web-v1-1/8000").port
    ports.lend("instance/web-v1-1/8000")
    assert is_free(lent)
    twin = Ports("shop-123456")
    assert twin.claim("instance/web-v1-1/8000").port != lent
    twin.close()

    assert ports.claim("instance/web-v1-1/8000").port == lent
    ports.lend("instance/web-v1-1/8000")
    ports.close()
    twin = Ports("shop-123456")
    assert twin.claim("instance/web-v1-1/8000").port == lent
    twin.close()
