"""What a person sees in a browser, and what other people's pages do not get."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Error, Locator, Page, WebSocket, expect

from tests.browser import browser
from tests.integration.harness import PATIENCE, Sandbox, free_port
from tests.integration.street import Street, make_street

__all__ = ["browser"]

expect.set_options(timeout=PATIENCE * 1000)

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


class Terminal:
    """What the terminal in the browser was sent, as text; the browser itself draws it on a canvas."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._sent = ""
        self._more = asyncio.Event()
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._take)

    def _take(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            self._sent += CODES.sub("", data.decode(errors="replace"))
            self._more.set()

    async def reads(self, text: str) -> None:
        """Until this was written; what was written before counts no more."""
        await self.until(lambda sent: text in sent)
        self._sent = ""

    async def until(self, found: Callable[[str], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not found(self._sent):
                self._more.clear()
                await self._more.wait()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)


CODES = re.compile(r"\x1b(?:\[[0-9;?<>=]*[a-zA-Z]|\][^\x07]*\x07)")
RATE = re.compile(r"([0-9.]+)/s")


async def open_cockpit(browser: Browser, url: str) -> Terminal:
    page = await (await browser.new_context(viewport={"width": 1200, "height": 700})).new_page()
    terminal = Terminal(page)
    await page.goto(url)
    await expect(page.locator("body.-first-byte")).to_have_count(1)
    return terminal


@contextmanager
def visitors(street: Street) -> Iterator[None]:
    """People who call the shop, and through it the orders, one after the other."""
    left = threading.Event()

    def visit() -> None:
        while not left.is_set():
            street.get("/via/orders/bun")

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


async def changes(edge: Locator) -> None:
    """Until its rate is another one than now."""
    label = edge.locator("text")
    await expect(label).to_have_text(RATE)
    await expect(label).not_to_have_text(str(await label.text_content()))


def weights(street: Street) -> dict[str, Any]:
    """By the API, of the rule that all requests to the orders fit."""
    (rule,) = street.state()["policies"]["orders"]["rules"]
    return {backend["version"]: backend.get("weight", 1) for backend in rule["backendRefs"]}


async def test_a_person_with_a_link_and_others_without(sandbox: Sandbox, browser: Browser, elsewhere: str) -> None:
    street = make_street(sandbox)
    sandbox.up(street.folder)
    ui = sandbox.ps(street.folder)["ui"]
    url = link(sandbox, street.folder)

    # the link leads to the cockpit, once
    cockpit = await open_cockpit(browser, url)
    page = cockpit.page
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
    assert all(service["status"] == "healthy" for service in sandbox.ps(street.folder)["services"])

    # traffic moves on the page's graph, and on the cockpit's map
    plain = await page.context.new_page()
    await plain.goto(ui)
    edge = plain.locator("#graph g.edge", has_text="shop → orders")
    await expect(edge).to_have_class(re.compile("idle"))
    with visitors(street):
        await expect(edge).not_to_have_class(re.compile("idle"))
        await changes(edge)
        await page.bring_to_front()
        await cockpit.press("2")
        await cockpit.until(lambda sent: len(set(RATE.findall(sent))) > 1)

    # a weight is changed by keys, seen by the API and by requests
    assert weights(street) == {"v1": 1}
    await cockpit.press("3")
    await cockpit.reads("as the file says")
    await cockpit.press("ArrowDown", "v")
    await cockpit.reads("weights · orders")
    await cockpit.press("1", "0", "0")
    await cockpit.reads("version: v2")
    await cockpit.press("Enter")
    await cockpit.reads("revision 2: orders")
    assert weights(street)["v2"] > 0 and not weights(street).get("v1")
    assert street.answers("/via/orders/bun", 10) == {"orders-v2": 10}

    # whoever leaves takes the terminal along
    await page.close()
    sandbox.down(street.folder)
    assert sandbox.left_running() == []


async def test_the_end_of_the_cluster_is_said(sandbox: Sandbox, shop: Path, browser: Browser) -> None:
    sandbox.up(shop)
    page = (await open_cockpit(browser, link(sandbox, shop, "--look"))).page
    sandbox.down(shop)
    await expect(page.get_by_text("The cockpit has closed")).to_be_visible()
    with pytest.raises(Error):
        await page.reload()
    assert sandbox.left_running() == []
