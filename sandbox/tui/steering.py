"""What one fills in to steer a service, and the edit it makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.control import Document, Edit, EditAction
from sandbox.errors import UsageError
from sandbox.tui.rules import default_rule, first, mirror_of, rounded

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    key: str
    label: str
    example: str


@dataclass(frozen=True, slots=True)
class Form:
    """presets: what a digit fills in; an empty one clears. help: one line about what it does."""

    action: EditAction
    title: str
    help: str
    fields: tuple[Field, ...]
    presets: tuple[tuple[str, Texts], ...]


FORMS: Mapping[EditAction, Form] = {
    EditAction.FAULT: Form(
        EditAction.FAULT,
        "fault",
        "What goes wrong on purpose, to see what callers make of it.",
        (
            Field("status", "answer with status", "503"),
            Field("share", "of how many, %", "50"),
            Field("delay", "or take longer by", "2s"),
            Field("delayed", "of how many, %", "100"),
        ),
        (
            ("every request fails with 503", {"status": "503", "share": "100"}),
            ("one in two fails with 503", {"status": "503", "share": "50"}),
            ("one in ten fails with 503", {"status": "503", "share": "10"}),
            ("every request takes 2 s longer", {"delay": "2s", "delayed": "100"}),
            ("one in two takes 500 ms longer", {"delay": "500ms", "delayed": "50"}),
            ("no fault", {}),
        ),
    ),
    EditAction.TIMEOUT: Form(
        EditAction.TIMEOUT,
        "timeout",
        "How long a request may take; 0s is no limit.",
        (Field("request", "the whole request", "2s"), Field("backendRequest", "one attempt", "500ms")),
        (
            ("2 s", {"request": "2s"}),
            ("500 ms", {"request": "500ms"}),
            ("2 s, 500 ms an attempt", {"request": "2s", "backendRequest": "500ms"}),
            ("no timeout of its own", {}),
        ),
    ),
    EditAction.RETRY: Form(
        EditAction.RETRY,
        "retry",
        "Failed requests are sent again; methods that may be repeated only.",
        (
            Field("attempts", "how often", "2"),
            Field("codes", "after these answers", "502 503 504"),
            Field("backoff", "pause before", "25ms"),
        ),
        (
            ("twice, after 502, 503, 504", {"attempts": "2", "codes": "502 503 504"}),
            ("three times, after 503", {"attempts": "3", "codes": "503"}),
            ("no retries", {}),
        ),
    ),
    EditAction.LIMIT: Form(
        EditAction.LIMIT,
        "limit",
        "How many requests at most; beyond it callers get 429.",
        (
            Field("requests", "requests", "10"),
            Field("per", "in", "1s"),
            Field("burst", "at once after a pause", "20"),
        ),
        (
            ("10 a second", {"requests": "10", "per": "1s"}),
            ("100 a second", {"requests": "100", "per": "1s"}),
            ("1 a second", {"requests": "1", "per": "1s"}),
            ("no limit", {}),
        ),
    ),
    EditAction.MIRROR: Form(
        EditAction.MIRROR,
        "mirror",
        "A copy goes to another version, whose answers are thrown away.",
        (Field("version", "to version", "v2"), Field("percentage", "of how many, %", "100")),
        (
            ("to the last version, all", {"version": "{last}", "percentage": "100"}),
            ("to the last version, one in ten", {"version": "{last}", "percentage": "10"}),
            ("no mirror", {}),
        ),
    ),
}

MENU: Sequence[tuple[EditAction, str]] = (
    (EditAction.FAULT, "fault: fail or slow down on purpose"),
    (EditAction.SPLIT, "weights: which version gets how much"),
    (EditAction.TIMEOUT, "timeout: how long a request may take"),
    (EditAction.RETRY, "retry: send failed requests again"),
    (EditAction.LIMIT, "limit: how many requests at most"),
    (EditAction.MIRROR, "mirror: copies to another version"),
    (EditAction.CLEAR, "clear: no rules at all"),
)


def preset(form: Form, index: int, versions: Sequence[str]) -> dict[str, str]:
    """What its fields say then; those that it does not name are empty."""
    values = form.presets[index][1]
    last = versions[-1] if versions else ""
    return {field.key: values.get(field.key, "").replace("{last}", last) for field in form.fields}


def edit(service: str, form: Form, texts: Texts) -> Edit:
    """Empty fields clear. UsageError for texts that mean nothing; times are left to the control."""
    said = {key: text.strip() for key, text in texts.items() if text.strip()}
    values = _VALUES[form.action](said) if said else {}
    if values:
        return Edit(service=service, action=form.action, values=values)
    return Edit(service=service, action=EditAction.CLEAR, values={"what": str(form.action)})


def _fault(said: Texts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "status" in said:
        abort = {"httpStatus": number(said["status"], "status")}
        found["abort"] = {**abort, "percentage": percentage(said.get("share", "100"))}
    if "delay" in said:
        found["delay"] = {"fixedDelay": said["delay"], "percentage": percentage(said.get("delayed", "100"))}
    if not found:
        raise UsageError("a fault needs a status or a time", hint="such as 503, or 2s")
    return found


def _timeout(said: Texts) -> dict[str, Any]:
    return dict(said)


def _retry(said: Texts) -> dict[str, Any]:
    found: dict[str, Any] = {"attempts": number(said.get("attempts", "1"), "how often")}
    if "codes" in said:
        found["codes"] = [number(code, "answer") for code in said["codes"].replace(",", " ").split()]
    return found | ({"backoff": said["backoff"]} if "backoff" in said else {})


def _limit(said: Texts) -> dict[str, Any]:
    if "requests" not in said:
        raise UsageError("a limit needs a number of requests", hint="such as 10")
    found: dict[str, Any] = {"requests": number(said["requests"], "requests"), "per": said.get("per", "1s")}
    return found | ({"burst": number(said["burst"], "at once")} if "burst" in said else {})


def _mirror(said: Texts) -> dict[str, Any]:
    if "version" not in said:
        raise UsageError("a mirror needs a version", hint="such as v2")
    return {"version": said["version"], "percentage": percentage(said.get("percentage", "100"))}


_VALUES = {
    EditAction.FAULT: _fault,
    EditAction.TIMEOUT: _timeout,
    EditAction.RETRY: _retry,
    EditAction.LIMIT: _limit,
    EditAction.MIRROR: _mirror,
}


def number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{what}: {text!r} is no whole number")
    return int(text)


def percentage(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        raise UsageError(f"{text!r} is no percentage", hint="0 to 100") from None
    if not 0 <= value <= 100:
        raise UsageError(f"{text} % is not between 0 and 100")
    return int(value) if value == int(value) else value


def filled(form: Form, document: Document) -> dict[str, str]:
    """What the fields say now."""
    match form.action:
        case EditAction.FAULT:
            fault = first(document, "fault") or {}
            abort, delay = fault.get("abort") or {}, fault.get("delay") or {}
            found = {"status": abort.get("httpStatus"), "share": abort.get("percentage")}
            found |= {"delay": delay.get("fixedDelay"), "delayed": delay.get("percentage")}
        case EditAction.TIMEOUT:
            found = dict(first(document, "timeouts") or {})
        case EditAction.RETRY:
            found = dict(first(document, "retry") or {})
            found["codes"] = " ".join(str(code) for code in found.get("codes") or ())
        case EditAction.LIMIT:
            found = dict(document.get("rateLimit") or default_rule(document).get("rateLimit") or {})
        case _:
            mirror = mirror_of(document)
            found = {"version": mirror.get("version"), "percentage": mirror.get("percent")}
    return {field.key: "" if found.get(field.key) is None else str(found[field.key]) for field in form.fields}


# --- weights ------------------------------------------------------------------------------------------------------


def weighed(weights: Mapping[str, int], version: str, wanted: int) -> dict[str, int]:
    """One is set, the others share what is left in the proportion they had; alike where they had nothing."""
    wanted = min(max(wanted, 0), 100)
    others = {name: float(value) for name, value in weights.items() if name != version}
    if not others:
        return {version: 100}
    if not any(others.values()):
        others = dict.fromkeys(others, 1.0)
    left = 100 - wanted
    total = sum(others.values())
    shares = rounded({**{name: value / total * left for name, value in others.items()}, version: float(wanted)})
    return {name: shares[name] for name in weights}
