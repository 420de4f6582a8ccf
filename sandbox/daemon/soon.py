"""Stands where a part of the control is being built. To be gone when all are there."""

from __future__ import annotations

from typing import Any

from sandbox.errors import SandboxError


class Soon:
    def __getattr__(self, name: str) -> Any:
        raise SandboxError(f"{name} is not there yet")
