"""What starts often must not pay for what it does not use."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["sandbox.config", "sandbox.config.locate", "sandbox.config.scaffold", "sandbox.config.profiles"]
)
def test_finding_files_does_not_import_pydantic(module: str) -> None:
    code = f"import sys, {module}; print([name for name in ('pydantic', 'yaml') if name in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
