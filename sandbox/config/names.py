"""Names of projects, services, versions and volumes: what is allowed, and the nearest allowed one."""

from __future__ import annotations

import re

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", re.ASCII)
"""A DNS label (RFC 1123 §2.1) of at most 40 characters: names become host names and parts of file names."""

PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
"""Compose's rule for project names, with a limit."""

VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""The engine's rule for names of volumes, with a limit."""


def near_label(text: str) -> str:
    """Empty when nothing of the text can be part of a name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")


def near_project_name(text: str) -> str:
    """Empty when nothing of the text can be part of a name."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:63]


def near_volume_name(text: str) -> str:
    """Empty when nothing of the text can be part of a name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")[:64]
