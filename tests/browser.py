"""A real browser: Debian's Chromium, driven by Playwright, which brings none of its own here.

Where there is none the tests are skipped, and say so; with SANDBOX_TEST_BROWSER=required they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP elsewhere.example 127.0.0.1",
)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """To which elsewhere.example is this machine."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        said = f"no browser is installed ({', '.join(_PROGRAMS)})"
        pytest.fail(said) if os.environ.get("SANDBOX_TEST_BROWSER") == "required" else pytest.skip(said)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield chromium
        await chromium.close()
