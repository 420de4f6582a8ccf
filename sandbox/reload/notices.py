"""What a person should know about watching, in words."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from sandbox.errors import SandboxError
from sandbox.reload.change import Notice
from sandbox.reload.flaps import is_code
from sandbox.reload.layout import Layout


def flaps(service: str, subject: str, layout: Layout) -> Notice:
    """`subject` is that of `flaps.subject_of`."""
    name = layout.within(service, subject)
    if is_code(subject):
        message = f"{service} writes {name} itself whenever it starts, and reloads because of it"
        hint = "have it written before `sandbox up`, or only when its content changes"
    else:
        message = f"{service} {'makes new' if '*' in name else 'changes'} {name} itself, and reloads because of it"
        hint = f'add "{name}" to .gitignore in its folder, or to ignore under its develop.watch'
    return Notice(message=message, hint=f"{hint}; until then it reloads ever less often", service=service)


def not_there(layout: Layout) -> Iterator[Notice]:
    """What a person named and nobody made: watched as soon as it is there, and until then most likely a mistake."""
    for watched in layout.versions:
        for rule in watched.rules:
            if not posixpath.exists(rule.path):
                message = f"{watched.service} is to be reloaded by changes of {rule.path}, which is not there"
                yield Notice(message=message, hint="make it, or mend its path under develop.watch")


def left_out(folder: str) -> Notice:
    return Notice(
        message=f"too many folders to watch; {folder} and others are left out",
        hint="add what no service reads to .gitignore or to develop.watch ignore",
    )


def polls(error: SandboxError, every: float) -> Notice:
    return Notice(message=f"{error.message}; looking for changes every {every} s instead", hint=error.hint)
