"""Versions for people and bug reports."""

from __future__ import annotations

import json

import pytest

import sandbox
from sandbox.cli.main import main


def test_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"sandbox  {sandbox.__version__}"
    assert main(["version", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out).keys() >= {"sandbox", "python", "platform", "envoy", "uv"}


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sandbox.cli.version._PARTS", {"envoy": "no-such-distribution"})

    main(["version"])

    assert capsys.readouterr().out.splitlines()[-1] == "envoy    not installed"
