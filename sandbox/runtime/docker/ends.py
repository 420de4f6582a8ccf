"""How a container ended, from what the engine says about it. Pure."""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.runtime.base import Exit

_SHELL = 128
"""A shell, and the init process in every container, end with this plus the number of the signal."""

_LAST_SIGNAL = 64

_STOPPING = (signals.SIGTERM, signals.SIGINT, signals.SIGQUIT, signals.SIGKILL)
"""What people send to end something; others, such as SIGHUP, have it reload."""

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


def exit_of(instance: str, pid: int | None, details: Mapping[str, Any], *, stopped_by: int | None) -> Exit:
    """`details` is the engine's description of the container. `stopped_by`: the signal that somebody else had the
    engine send; what ends politely upon it did not end by itself."""
    state = details.get("State") or {}
    code, signal = ends(int(state.get("ExitCode") or 0))
    if stopped_by is not None and code == 0 and _is_stopping(stopped_by, details):
        code, signal = None, stopped_by
    return Exit(
        id=instance,
        pid=pid,
        code=code,
        signal=signal,
        at=moment(str(state.get("FinishedAt", ""))) or 0.0,
        reason=_reason(state, details),
    )


def _is_stopping(number: int, details: Mapping[str, Any]) -> bool:
    own = str((details.get("Config") or {}).get("StopSignal") or "")
    return number in _STOPPING or number == signal_number(own)


def signal_number(text: str) -> int | None:
    """Engines tell signals by number, some by name."""
    if text.isdecimal():
        return int(text)
    try:
        return signals.Signals[text if text.startswith("SIG") else f"SIG{text}"].value
    except KeyError:
        return None


def ends(code: int) -> tuple[int | None, int | None]:
    """Exit code as the engine tells it → exit code, or signal."""
    if _SHELL < code <= _SHELL + _LAST_SIGNAL:
        return None, code - _SHELL
    return code, None


def _reason(state: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
    if state.get("OOMKilled"):
        limit = int((details.get("HostConfig") or {}).get("Memory") or 0)
        return f"out of memory{f' (its limit is {limit // 2**20} MiB)' if limit else ''}"
    return str(state["Error"]) if state.get("Error") else None


def moment(text: str) -> float | None:
    """Seconds since the epoch of `2026-01-31T12:00:00.123456789Z`, or with `+01:00` as Podman has it; None for the
    engine's "never" (year 1)."""
    found = _MOMENT.fullmatch(text)
    if found is None or found[1] < "1970":
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    return datetime.fromisoformat(found[1] + zone).timestamp() + float(f"0{found[2] or ''}")
