"""The status page: nothing foreign, nothing inline, and no more than the login tells before one."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from tests.api.doors import Doors

OURS = ("/", "/cockpit")
PAGE = resources.files("sandbox.api") / "page"


async def test_strangers_get_the_login_page_and_its_looks(doors: Doors) -> None:
    answer = await doors.knock("GET", "/")
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "sandbox up" in answer.text
    assert "bakery" not in answer.text
    assert (await doors.knock("GET", "/static/style.css")).headers["Content-Type"] == "text/css; charset=utf-8"


async def test_a_browser_that_logged_in_gets_the_status_page(doors: Doors) -> None:
    answer = await doors.knock("GET", "/", await doors.log_in())
    assert answer.status == 200
    assert 'src="/static/app.js"' in answer.text


@pytest.mark.parametrize("name", ["app.js", "pictures.js", "style.css", "icon.svg"])
async def test_static_files(doors: Doors, name: str) -> None:
    assert (await doors.knock("GET", f"/static/{name}")).text == (PAGE / name).read_text()


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..%2f..%2fauth.py"])
async def test_nothing_else_is_static(doors: Doors, name: str) -> None:
    assert (await doors.ask("GET", f"/static/{name}")).status == 404


@pytest.mark.parametrize("name", ["index.html", "login.html", "cockpit.html"])
def test_pages_keep_to_their_own_policy(name: str) -> None:
    """The CSP forbids inline scripts and styles, and anything from elsewhere."""
    html = (PAGE / name).read_text()
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", html)
    assert all(
        url.startswith(("/static/", "/cockpit/static/")) or url in OURS
        for url in re.findall(r'(?:src|href)="([^"]*)"', html)
    )


@pytest.mark.parametrize("name", ["app.js", "pictures.js"])
def test_scripts_never_make_markup_of_data(name: str) -> None:
    script = (PAGE / name).read_text()
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\.style\b", script)
