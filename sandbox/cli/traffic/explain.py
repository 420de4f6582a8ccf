"""`sandbox traffic explain`: where a request would go, and why not elsewhere."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from urllib.parse import urlsplit

from sandbox.cli.headers import header_of
from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.traffic.look import print_as
from sandbox.control import Control, Explanation, RequestHead
from sandbox.errors import UsageError

_FORM = "write it like 'GET http://steamer/x'"
_LOCALHOST = ".localhost"


def run(options: Namespace) -> int:
    head = head_of(options.request, options.caller, options.headers)

    async def conversation(control: Control) -> int:
        explanation = await control.traffic.explain(head)
        if options.output == "table":
            print("\n".join(_lines(explanation, Style.of(sys.stdout))))
        else:
            print_as(options.output, asdict(explanation))
        return 0

    return talk(options, conversation)


def head_of(request: str, caller: str, headers: list[str]) -> RequestHead:
    """UsageError for what is no request."""
    words = request.split()
    if not 1 <= len(words) <= 2:
        raise UsageError("is no request", place=request or "''", hint=_FORM)
    method = words[0].upper() if len(words) == 2 else "GET"
    url = words[-1] if "//" in words[-1] else f"http://{words[-1]}"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host:
        raise UsageError("names no service", place=request, hint=_FORM)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return RequestHead(
        service=host.removesuffix(_LOCALHOST), method=method, path=path, headers=_headers(headers), caller=caller
    )


def _headers(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, value = header_of(text)
        key = name.lower()
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


def _lines(told: Explanation, style: Style) -> Iterator[str]:
    head = told.request
    answer = style.paint(told.answered_by, "cyan", bold=True)
    yield f"{head.method} http://{head.service}{head.path} from {head.caller} → {answer}"
    for rule in told.rules:
        sign = style.paint("✓", "green") if rule.fits else style.paint("·", "grey")
        yield f"  {sign} {rule.name}: {rule.why}"
    for step in told.steps:
        yield f"  → {step}"
