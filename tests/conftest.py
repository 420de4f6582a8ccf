"""For all tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Started in the background by a script, we would inherit that Ctrl-C is ignored, and so would what tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
