"""What a person sees in a browser, and what other people's pages do not get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, Error, Page, expect

from tests.browser import browser
from tests.integration.harness import Sandbox, free_port, get

__all__ = ["browser"]

ATTACK = """
async () => {
  const tried = async (what) => { try { return await what(); } catch (error) { return String(error); } };
  const socket = () => new Promise((done) => {
    const one = new WebSocket("ws://127.0.0.1:PORT/cockpit/socket");
    one.onopen = () => done("open");
    one.onerror = () => done("refused");
  });
  const stop = { method: "POST", mode: "no-cors", credentials: "include", body: "{}" };
  return [
    await tried(() => fetch("http://127.0.0.1:PORT/api/status", { credentials: "include" }).then((it) => it.text())),
    await tried(() => fetch("http://127.0.0.1:PORT/api/stop", stop).then((it) => it.type)),
    await tried(socket),
  ];
}
"""


@pytest.fixture
async def elsewhere() -> AsyncIterator[str]:
    """Somebody else's page on this machine."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>elsewhere</title>", content_type="text/html")

    app, port = web.Application(), free_port()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/"
    await runner.cleanup()


def link(sandbox: Sandbox, shop: Path, *options: str) -> str:
    return sandbox.run("open", "--print", *options, cwd=shop).stdout.strip()


async def open_cockpit(browser: Browser, url: str) -> Page:
    page = await (await browser.new_context(viewport={"width": 1200, "height": 700})).new_page()
    await page.goto(url)
    await expect(page.locator("body.-first-byte")).to_have_count(1, timeout=20_000)
    return page


async def test_a_person_with_a_link_and_others_without(
    sandbox: Sandbox, shop: Path, browser: Browser, elsewhere: str
) -> None:
    sandbox.up(shop)
    ui = sandbox.ps(shop)["ui"]
    url = link(sandbox, shop)

    # the link leads to the cockpit, once
    page = await open_cockpit(browser, url)
    assert page.url == f"{ui}/cockpit"
    stranger = await (await browser.new_context()).new_page()
    assert (await stranger.goto(url)).status == 401  # type: ignore[union-attr]
    assert (await stranger.goto(f"{ui}/cockpit")).status == 401  # type: ignore[union-attr]
    assert await stranger.locator("#terminal").count() == 0

    # the name by which the browser came has to be ours
    answer = await stranger.goto(ui.replace("127.0.0.1", "elsewhere.example"))
    assert answer is not None and answer.status == 421

    # pages of other origins get nothing, although this browser's cookie is good
    foreign = await page.context.new_page()
    await foreign.goto(elsewhere)
    read, stopped, socket = await foreign.evaluate(ATTACK.replace("PORT", ui.rpartition(":")[2]))
    assert "Failed to fetch" in read
    assert stopped == "opaque"
    assert socket == "refused"
    assert all(service["status"] == "healthy" for service in sandbox.ps(shop)["services"])
    assert get(sandbox.ps(shop)["gateway"])["instance"] == "web-v1-1"

    # whoever leaves takes the terminal along
    await page.close()
    sandbox.down(shop)
    assert sandbox.left_running() == []


async def test_the_end_of_the_cluster_is_said(sandbox: Sandbox, shop: Path, browser: Browser) -> None:
    sandbox.up(shop)
    page = await open_cockpit(browser, link(sandbox, shop, "--look"))
    sandbox.down(shop)
    await expect(page.get_by_text("The cockpit has closed")).to_be_visible(timeout=10_000)
    with pytest.raises(Error):
        await page.reload()
    assert sandbox.left_running() == []
