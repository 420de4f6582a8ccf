"""`sandbox open`: a link that lets a browser in once; and the terminal UI that runs behind one."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from argparse import Namespace
from pathlib import Path

from sandbox.cli.project import connect
from sandbox.control import ProjectStatus
from sandbox.errors import ExitCode, NotFoundError, UsageError


def run(options: Namespace) -> int:
    url = asyncio.run(_url(options))
    print(url, flush=True)
    if not options.only_print and not _opened(url):
        print("there is no browser to open it here: copy the link", file=sys.stderr)
    return ExitCode.OK


async def _url(options: Namespace) -> str:
    async with connect(options) as control:
        if options.service is None:
            return await control.login_link(look=options.look, cockpit=not options.page)
        if options.page or options.look:
            raise UsageError("a service is opened as it is", hint="leave --page and --look out")
        return _public_url(await control.status(), options.service)


def _public_url(status: ProjectStatus, name: str) -> str:
    for service in status.services:
        if service.name == name:
            if service.url is None:
                raise UsageError("is not public", place=name, hint="set `public: true` on it in sandbox.yaml")
            return service.url
    names = ", ".join(service.name for service in status.services)
    raise NotFoundError("no such service", place=name, hint=f"there are {names}")


def _opened(url: str) -> bool:
    """Whether a browser was started. One that runs in this terminal would take it over, so none of these counts."""
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False


def view(options: Namespace) -> int:
    """The terminal UI behind a browser, which leaves without a word."""
    from sandbox.api.client import Client
    from sandbox.tui.app import TuiResult, run_tui

    async def show() -> None:
        async with Client(Path(options.socket), looks_only=options.look) as control:
            if await run_tui(control, looks_only=options.look) is TuiResult.DOWN:
                await control.down()

    asyncio.run(show())
    return ExitCode.OK
