"""Policies in the text of a file: what it says, and the text that says something else."""

from __future__ import annotations

import codecs
import os
import shlex
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from sandbox.config.parse import parse
from sandbox.config.read import read, shown
from sandbox.config.render import escaped_document
from sandbox.config.save.edits import Editor
from sandbox.config.save.rendered import Layout
from sandbox.config.save.shared import shared
from sandbox.config.traffic.files import documents_in
from sandbox.config.tree import Problems, plain
from sandbox.errors import ConfigError, SandboxError
from sandbox.files import write_atomic
from sandbox.model import Project
from sandbox.shipped import installed

Documents = Mapping[str, Mapping[str, Any]]


def save_traffic(project: Project, documents: Documents, environment: Mapping[str, str] | None = None) -> Path:
    """Write the documents into the project's first file; an empty one takes the service's policy out.

    Services that are not named, and all else of the file, stay as they are. What already says the same is not touched.
    Returns the file. Raises ConfigError when the file as it is now can't be read, and SandboxError when its policies
    are written in a way that can't be changed from here, or it can't be written.
    """
    _refuse_shipped(project.files[0].resolve())
    source = _Source(project.files[0].resolve(), os.environ if environment is None else environment)
    text = source.text()
    said = source.said(text)
    wanted = {**said, **{name: dict(found) for name, found in documents.items()}}
    wanted = {name: found for name, found in wanted.items() if found or said.get(name) == {}}
    differ = [name for name in documents if wanted.get(name) != said.get(name)]
    if differ:
        _refuse_other_files(project, source.file, differ)
        _refuse_shared(text, source.file, differ)
        _write(source.file, text, _changed(source, text, said, wanted))
    return source.file


@dataclass(frozen=True, slots=True)
class _Source:
    file: Path
    environment: Mapping[str, str]

    def text(self) -> str:
        problems = Problems()
        text = read(self.file, problems)
        if text is None:
            raise ConfigError(problems.all)
        return text

    def said(self, text: str) -> dict[str, dict[str, Any]]:
        """The documents in a text of this file. Raises ConfigError."""
        return documents_in(text, shown(self.file), self.file.parent, self.environment)


# --- what can't be changed from here --------------------------------------------------------------------------------


def _refuse_shipped(file: Path) -> None:
    """In a checkout sample apps are files like others."""
    if file.is_relative_to(installed()):
        folder = file.parent
        copy = f"cp -r {shlex.quote(str(folder))} . && sandbox up ./{folder.name}"
        message = "is sandbox's own copy of the sample app, which the next upgrade replaces"
        hint = f"have one of yours: {copy}; `sandbox traffic get -o yaml` says what to put there"
        raise SandboxError(message, place=str(file), hint=hint)


def _refuse_other_files(project: Project, file: Path, names: Sequence[str]) -> None:
    for name in names:
        place = project.places.get(f"traffic.{name}")
        if place is not None and place.rsplit(":", 2)[0] != shown(file):
            message = f"the policy of {name} is written there, and not in {file.name}"
            raise SandboxError(message, place=place, hint=_by_hand(name))


def _refuse_shared(text: str, file: Path, names: Sequence[str]) -> None:
    found = shared(text)
    for name in names:
        line = found.get(name, found.get(""))
        if line is not None:
            message = f"the policy of {name} is written with an anchor or an alias, so others would change with it"
            raise SandboxError(message, place=f"{shown(file)}:{line}", hint=_by_hand(name))


def _by_hand(name: str) -> str:
    return f"see `sandbox traffic get {name} -o yaml`, and put it there by hand"


# --- the new text -----------------------------------------------------------------------------------------------------


def _changed(source: _Source, text: str, said: Documents, wanted: Documents) -> str:
    """The smallest change that says what is wanted; else the policies that differ as a whole anew."""
    anew = {name: found if found == wanted.get(name) else None for name, found in said.items()}
    for before in (said, anew):
        after = _edited(text, before, wanted)
        if after is not None and _says(source, text, after, wanted):
            return after
    message = "its policies are written in a way that can't be changed from here"
    hint = "see `sandbox traffic get -o yaml`, and put them there by hand"
    raise SandboxError(message, place=shown(source.file), hint=hint)


def _edited(text: str, said: Mapping[str, Any], wanted: Documents) -> str | None:
    """None when the text is not laid out as changes need it."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    editor = Editor(text, _layout(text))
    old = {"traffic": _escaped(said)} if any(key.value == "traffic" for key, _ in root.value) else {}
    new = {"traffic": _escaped(wanted)} if wanted else {}
    try:
        editor.change(None, root, old, new)
        return editor.result()
    except ValueError:
        return None


def _escaped(documents: Mapping[str, Any]) -> Any:
    """As they are written, where $ begins a variable."""
    return escaped_document(dict(documents))


def _says(source: _Source, before: str, after: str, wanted: Documents) -> bool:
    """Whether the new text says what is wanted, and of all else the same."""
    try:
        return source.said(after) == wanted and _all_else(before) == _all_else(after)
    except ConfigError:
        return False


def _all_else(text: str) -> dict[str, Any]:
    tree = parse(text, "", Problems())
    return {} if tree is None else {key: value for key, value in plain(tree).items() if key != "traffic"}


def _layout(text: str) -> Layout:
    return Layout(line_end="\r\n" if "\r\n" in text else "\n", indents_lists=_indents_lists(text))


def _indents_lists(text: str) -> bool:
    """As the first list in a map is written."""
    lines = text.splitlines()
    for before, line in pairwise(lines):
        if line.lstrip().startswith("- ") and before.partition(" #")[0].rstrip().endswith(":"):
            return len(line) - len(line.lstrip()) > len(before) - len(before.lstrip())
    return True


def _write(file: Path, before: str, after: str) -> None:
    try:
        data, found = file.read_bytes(), file.stat()
        if data.decode("utf-8-sig") != before:
            raise SandboxError("has changed meanwhile", place=shown(file), hint="try again")
        mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        write_atomic(file, mark + after.encode(), mode=stat.S_IMODE(found.st_mode))
        if os.geteuid() == 0:
            os.chown(file, found.st_uid, found.st_gid)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "make the file and its folder writable; what is in force stays so meanwhile"
        raise SandboxError(f"can't be written: {reason}", place=shown(file), hint=hint) from None
