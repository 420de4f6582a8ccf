from __future__ import annotations

import pytest

from sandbox.runtime.zygote.sources import imported, of_command


def test_what_sources_import() -> None:
    source = """
import json, os.path as path
from fastapi import FastAPI, Depends as D
from sqlalchemy.orm import *
from . import models
from .models import Order

def late():
    import httpx
"""
    assert imported([source, "import csv"]) == {
        *("json", "os.path", "fastapi", "fastapi.FastAPI", "fastapi.Depends", "sqlalchemy.orm", "httpx", "csv"),
    }


@pytest.mark.parametrize("broken", ["print 'of old'\n", "def f(:\n", "\0", "(" * 10_000])
def test_a_source_that_can_not_be_read_is_searched_for_lines(broken: str) -> None:
    lines = "import json, os.path as path\n    from httpx import get\nfrom .models import Order\nimportant = 1\n"
    assert imported([lines + broken]) == {"json", "os.path", "httpx"}


def test_what_a_command_imports() -> None:
    assert of_command(["-u", "-m", "uvicorn.main", "app:app"]) == {"uvicorn", "uvicorn.main"}
    assert of_command(["app.py", "-m"]) == frozenset()
