"""Validation against the schema, with every fault in words and at its place."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from sandbox.config.compose import UNSUPPORTED, hint_for, objection
from sandbox.config.fields import FAULT, kind
from sandbox.config.scalars import written
from sandbox.config.schema import ProjectSpec, Spec
from sandbox.config.tree import Entries, Problems, key_place, place, plain, quoted

MAX_FAULTS = 100
"""More are only counted; nobody reads them, and each costs a search for the nearest name."""

Path = tuple[str | int, ...]


def validate(root: Entries, problems: Problems) -> ProjectSpec | None:
    """None, with the faults in `problems`, when the tree does not fit the schema."""
    try:
        return ProjectSpec.model_validate(plain(root))
    except ValidationError as error:
        faults = error.errors(include_url=False)
    for found in faults[:MAX_FAULTS]:
        _report(root, found, problems)
    if len(faults) > MAX_FAULTS:
        after = key_place(root, tuple(faults[MAX_FAULTS]["loc"]))
        problems.add(after, f"{len(faults) - MAX_FAULTS} more problems from here on", "correct the ones above first")
    return None


def faulty(root: Entries) -> list[Path]:
    """Where the tree does not fit the schema."""
    try:
        ProjectSpec.model_validate(plain(root))
    except ValidationError as error:
        return [tuple(found["loc"]) for found in error.errors(include_url=False, include_input=False)]
    return []


def _report(root: Entries, found: Mapping[str, Any], problems: Problems) -> None:
    path: Path = tuple(found["loc"])
    is_key = path[-1:] == ("[key]",)
    path = path[:-1] if is_key else path
    if found["type"] == "extra_forbidden":
        message, hint = _unknown_key(path, found["input"])
        problems.add(key_place(root, path), message, hint)
    elif is_key:
        problems.add(key_place(root, path), *_words(found))
    else:
        message, hint = _words(found)
        hint = _literal(path, found["input"]) or hint
        subject = "" if message.startswith('"') else f"{name_of(path)} "
        problems.add(place(root, path), subject + message, hint)


def _literal(path: Path, value: object) -> str:
    """What to write instead of a single value that can only mean one thing; "" when that is not so."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    match path:
        case ("services", _, "ports"):
            return f"write ports: [{quoted(value) if isinstance(value, str) else written(value)}]"
        case ("services", _, "healthcheck") | ("services", _, "versions", _, "healthcheck") if str(value)[:1] == "/":
            return f"write healthcheck: {{http: {value}}}"
    return ""


def name_of(path: Sequence[str | int]) -> str:
    """What a value is called in a message; which item of a list it is, its place tells."""
    if not path:
        return "the file"
    last = path[-1]
    return f"an item of {name_of(path[:-1])}" if isinstance(last, int) else last


def _words(found: Mapping[str, Any]) -> tuple[str, str]:
    given = kind(found["input"])
    match found["type"]:
        case "missing":
            return "is missing", "add it"
        case name if name == FAULT:
            return found["ctx"]["message"], found["ctx"]["hint"]
        case "list_type":
            return f"should be a list, not {given}", "write [a, b], or one `- a` a line"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"should be a map, not {given}", "write {key: value}, or one `key: value` a line"
        case "literal_error":
            return _choice(found["ctx"]["expected"], given, found["input"])
        case _:
            return f"is not valid: {found['msg'].lower()}", "correct it"


def _choice(expected: str, given: str, value: object) -> tuple[str, str]:
    names = expected.replace("'", "").replace(" or ", ", ").split(", ")
    wanted = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
    return f"should be {wanted}, not {given}", did_you_mean(str(value), names, "choose one of them")


def did_you_mean(name: str, names: Iterable[str], otherwise: str = "") -> str:
    near = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else otherwise


def _unknown_key(path: Path, value: object) -> tuple[str, str]:
    key = str(path[-1])
    model = model_at(path[:-1])
    if model is None:
        return f"unknown key {quoted(key)}", "take it out"
    if key in UNSUPPORTED.get(model.compose, ()):
        return objection(key, value), hint_for(key)
    keys = list(model.keys())
    where = f" in {name_of(path[:-1])}" if len(path) > 1 else ""
    return f"unknown key {quoted(key)}{where}", did_you_mean(key, keys, f"keys here: {', '.join(keys)}")


def model_at(path: Path) -> type[Spec] | None:
    """The model of the map at `path`."""
    current: Any = ProjectSpec
    for step in path:
        if isinstance(current, type) and issubclass(current, Spec):
            field = current.keys().get(str(step))
            current = _bare(field.annotation) if field else None
        elif get_origin(current) in (dict, list):
            current = _bare(get_args(current)[-1])
        else:
            return None
    return current if isinstance(current, type) and issubclass(current, Spec) else None


def _bare(annotation: Any) -> Any:
    """The type without `Annotated` and `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation
