"""`sandbox attach` and `sandbox screenshot`: the cockpit on a project that runs already, and pictures of it."""

from __future__ import annotations

import asyncio
import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.cli.again import up_from
from sandbox.cli.project import connect, find_project
from sandbox.control import Control
from sandbox.errors import ExitCode, SandboxError, UsageError
from sandbox.files import write_atomic
from sandbox.paths import sandbox_home

if TYPE_CHECKING:
    from sandbox.tui.app import TuiResult
    from sandbox.tui.cockpit import Examined

_SIZE = re.compile(r"(\d{2,3})x(\d{2,3})")
_LEAST, _MOST = (40, 12), (400, 200)
_PREFERENCES = "tui.json"


async def show(control: Control) -> TuiResult:
    """With what the person chose the last time, until it is left."""
    from sandbox.tui.app import run_tui
    from sandbox.tui.cockpit import Remembered

    return await run_tui(control, Remembered(sandbox_home() / _PREFERENCES), examine)


async def examine() -> Sequence[Examined]:
    """This machine, as `sandbox doctor` sees it."""
    from sandbox.cli.doctor.checks import Level, findings
    from sandbox.cli.doctor.facts import gather
    from sandbox.tui.cockpit import Examined

    states = {Level.OK: "ok", Level.WARN: "warning", Level.FAIL: "error"}
    found = await asyncio.to_thread(lambda: list(findings(gather())))
    return [Examined(states[one.level], f"{one.check}: {one.message}", one.fix) for one in found]


def attach(options: Namespace) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the cockpit needs a terminal", hint="see the same as text: sandbox ps, sandbox logs -f")
    project = find_project(options)
    result = asyncio.run(_attached(options))
    if result.value == "down":
        from sandbox.cli.down import bring_down

        asyncio.run(bring_down(project.paths))
        print("stopped; nothing is left running")
    elif result.value == "ended":
        print(f"it was stopped meanwhile. Start it again: {up_from(project.files, Path.cwd())}")
    else:
        print("it keeps running. Look again: sandbox attach · stop it: sandbox down")
    return ExitCode.OK


async def _attached(options: Namespace) -> TuiResult:
    async with connect(options) as control:
        return await show(control)


# --- pictures -----------------------------------------------------------------------------------------------------


def screenshot(options: Namespace) -> int:
    size, file = size_of(options.size), _picture_file(options)
    svg = asyncio.run(_picture(options, size))
    try:
        write_atomic(file.absolute(), _in_pixels(svg) if _is_png(file) else svg.encode(), mode=0o644)
    except OSError as error:
        raise SandboxError(f"can't be written: {error.strerror}", place=str(file)) from None
    print(file)
    return ExitCode.OK


def _picture_file(options: Namespace) -> Path:
    file = Path(options.to or f"sandbox-{options.screen}.{'png' if options.png else 'svg'}")
    if file.suffix.lower() not in (".svg", ".png"):
        raise UsageError("pictures are SVG or PNG", place=str(file), hint="name it .svg or .png")
    if options.png and not _is_png(file):
        raise UsageError("is named as SVG", place=str(file), hint="leave --png out, or name it .png")
    return file


def _is_png(file: Path) -> bool:
    return file.suffix.lower() == ".png"


def _in_pixels(svg: str) -> bytes:
    from sandbox.tui.raster import png

    return png(svg)


async def _picture(options: Namespace, size: tuple[int, int]) -> str:
    from sandbox.tui.capture import screenshot_svg

    async with connect(options) as control:
        if options.service is not None:
            names = [service.name for service in (await control.status()).services]
            if options.service not in names:
                raise UsageError("no such service", place=options.service, hint=f"there are {', '.join(names)}")
        return await screenshot_svg(control, size, screen=options.screen, service=options.service)


def size_of(text: str) -> tuple[int, int]:
    """ "120x40": columns and lines. UsageError for anything else, and for sizes that show nothing or too much."""
    found = _SIZE.fullmatch(text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(least <= one <= most for least, one, most in zip(_LEAST, size, _MOST, strict=True)):
        raise UsageError(f"{text!r} is no size", hint="columns and lines, such as 120x40; 40x12 to 400x200")
    return size
