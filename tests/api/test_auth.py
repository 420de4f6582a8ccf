from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.api.auth import CODE_LIFETIME, SESSION_LIFETIME, Access, Tickets, load_token
from tests.api.doors import Clock, Doors


async def test_a_link_opens_the_page_once(doors: Doors) -> None:
    link = doors.server.login_link().removeprefix(doors.url)
    first = await doors.knock("GET", link)
    assert (first.status, first.headers["Location"]) == (303, "/")
    again = await doors.knock("GET", link)
    assert again.status == 401
    assert "Set-Cookie" not in again.headers


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(doors: Doors) -> None:
    answer = await doors.knock("GET", doors.server.login_link().removeprefix(doors.url))
    name_and_value, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert name_and_value.startswith("sandbox-bakery-1a2b3c=")  # its own, as cookies do not tell ports apart
    assert set(attributes) == {"HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={SESSION_LIFETIME:.0f}"}


async def test_the_cookie_lets_a_browser_in_until_it_expires(doors: Doors, clock: Clock) -> None:
    cookie = await doors.log_in()
    assert (await doors.knock("GET", "/api/status", cookie)).status == 200
    clock.now += SESSION_LIFETIME
    assert (await doors.knock("GET", "/api/status", cookie)).code == "not_logged_in"


async def test_an_old_link_is_refused(doors: Doors, clock: Clock) -> None:
    link = doors.server.login_link().removeprefix(doors.url)
    clock.now += CODE_LIFETIME
    assert (await doors.knock("GET", link)).status == 401


@pytest.mark.parametrize("query", ["", "?code=", "?code=guess", "?code=%ff%00", "?code=a&code=b"])
async def test_a_guessed_code_is_refused(doors: Doors, query: str) -> None:
    answer = await doors.knock("GET", f"/login{query}")
    assert (answer.status, "Set-Cookie" in answer.headers) == (401, False)


@pytest.mark.parametrize("value", ["forged", "", "x" * 4000])
async def test_a_forged_cookie_is_refused(doors: Doors, value: str) -> None:
    answer = await doors.knock("GET", "/api/status", {"Cookie": f"sandbox-bakery-1a2b3c={value}"})
    assert answer.code == "not_logged_in"


async def test_a_code_is_not_a_session_nor_a_token(doors: Doors) -> None:
    code = doors.server.login_link().rpartition("=")[2]
    for headers in ({"Cookie": f"sandbox-bakery-1a2b3c={code}"}, {"Authorization": f"Bearer {code}"}):
        assert (await doors.knock("GET", "/api/status", headers)).code == "not_logged_in"


def test_a_token_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_token(path) == token


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, b"a b" * 20])
def test_a_damaged_token_is_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    token = load_token(path)
    assert path.read_text().strip() == token
    assert len(token) >= 32


def test_a_token_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_token(path)
    path.chmod(0o644)
    assert load_token(path) != token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_oldest_ticket_makes_room() -> None:
    tickets = Tickets(2, 10.0, Clock())
    first, second, third = (tickets.issue(Access.FULL) for _ in range(3))
    assert [tickets.access(one) for one in (first, second, third)] == [None, Access.FULL, Access.FULL]


@given(st.lists(st.one_of(st.just("issue"), st.floats(0, 4), st.integers(0, 20)), max_size=40))
def test_tickets_hold_once_in_time_and_within_bounds(steps: list[str | float | int]) -> None:
    """A step issues a ticket, lets seconds pass, or redeems the ticket of that number."""
    clock = Clock()
    tickets = Tickets(5, 10.0, clock)
    issued: list[tuple[str, float]] = []
    used: set[int] = set()
    for step in steps:
        if step == "issue":
            issued.append((tickets.issue(Access.LOOK), clock.now))
        elif isinstance(step, float):
            clock.now += step
        elif isinstance(step, int) and step < len(issued):
            secret, since = issued[step]
            if tickets.redeem(secret):
                assert step not in used
                assert clock.now < since + 10.0
                used.add(step)
        assert sum(tickets.access(secret) is Access.LOOK for secret, _ in issued) <= 5
