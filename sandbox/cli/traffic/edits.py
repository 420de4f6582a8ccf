"""Short forms, as people type them, to edits in the file's own words."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.config.durations import format_duration
from sandbox.control import Edit, EditAction
from sandbox.errors import UsageError


def edit_of(form: str, options: Namespace) -> Edit:
    """form: split, route, …. UsageError for what can't be understood."""
    action, values = _FORMS[form](options)
    matching = form not in ("allow", "deny", "set")
    return Edit(service=options.service, action=action, values=values, match=match_of(options) if matching else {})


def match_of(options: Namespace) -> dict[str, Any]:
    """A match as it stands in the file."""
    found: dict[str, Any] = {}
    if options.path:
        found["path"] = _path(options.path)
    if options.header:
        found["headers"] = [_condition(text, "--header") for text in options.header]
    if options.query:
        found["queryParams"] = [_condition(text, "--query") for text in options.query]
    if options.method:
        found["method"] = options.method.upper()
    if options.callers:
        found["from"] = list(options.callers)
    return found


def _path(text: str) -> dict[str, str]:
    if text.startswith("="):
        return {"type": "Exact", "value": text[1:]}
    if text.startswith("~"):
        return {"type": "RegularExpression", "value": text[1:]}
    return {"type": "PathPrefix", "value": text}


def _condition(text: str, option: str) -> dict[str, str]:
    """NAME=VALUE, NAME~REGEX, or NAME alone."""
    found = re.match(r"([^=~]+)(?:([=~])(.*))?\Z", text, re.DOTALL)
    if found is None:
        raise UsageError(f"{text!r} has no name", place=option, hint=f"write it like {option} x-user=me")
    name, sign, value = found.groups()
    if option == "--header" and ":" in name:
        said = re.sub(r"\s*:\s*", "=", text, count=1)
        raise UsageError(f"{text!r} has a colon in its name", place=option, hint=f"write it like {option} {said}")
    if sign is None:
        return {"name": name.strip(), "type": "Present"}
    return {"name": name.strip(), "type": "Exact" if sign == "=" else "RegularExpression", "value": value}


# --- the forms --------------------------------------------------------------------------------------------------------

_Values = tuple[EditAction, Mapping[str, Any]]


def _split(options: Namespace) -> _Values:
    weights: dict[str, int] = {}
    for text in options.weights:
        version, equals, weight = text.partition("=")
        weight = weight.removesuffix("%")
        if not (version and equals and weight.isascii() and weight.isdigit()):
            raise UsageError(
                f"{text!r} is not VERSION=WEIGHT", hint="for example: sandbox traffic split steamer v1=90 v2=10"
            )
        if version in weights:
            raise UsageError(f"{version} is there twice", hint="name each version once")
        weights[version] = int(weight)
    return EditAction.SPLIT, weights


def _route(options: Namespace) -> _Values:
    return EditAction.ROUTE, {"version": options.version}


def _fault(options: Namespace) -> _Values:
    percent = {} if options.percent is None else {"percentage": options.percent}
    values: dict[str, Any] = {}
    if options.delay is not None:
        values["delay"] = {"fixedDelay": format_duration(options.delay), **percent}
    if options.abort is not None:
        values["abort"] = {**_abort(options.abort), **percent}
    if not values:
        hint = "for example: sandbox traffic fault pantry --delay 2s --percent 50"
        raise UsageError("a fault is a --delay, an --abort, or both", hint=hint)
    return EditAction.FAULT, values


def _abort(text: str) -> dict[str, Any]:
    if text == "reset":
        return {"reset": True}
    kind, colon, number = text.rpartition(":")
    if number.isascii() and number.isdigit() and (not colon or kind == "grpc"):
        return {"grpcStatus" if colon else "httpStatus": int(number)}
    if kind == "grpc":
        return {"grpcStatus": number}  # by name
    raise UsageError(f"{text!r} is no way to fail", place="--abort", hint="write 503, grpc:14, or reset")


def _timeout(options: Namespace) -> _Values:
    named = (("request", options.request), ("backendRequest", options.attempt), ("idle", options.idle))
    values = {name: format_duration(value) for name, value in named if value is not None}
    if not values:
        raise UsageError("say how long", hint="for example: sandbox traffic timeout mill 2s --attempt 500ms")
    return EditAction.TIMEOUT, values


def _retry(options: Namespace) -> _Values:
    values: dict[str, Any] = {"attempts": options.attempts}
    if options.codes:
        values["codes"] = _numbers(options.codes)
    if options.on:
        values["on"] = options.on.split(",")
    if options.methods:
        values["methods"] = options.methods.upper().split(",")
    if options.backoff is not None:
        values["backoff"] = format_duration(options.backoff)
    return EditAction.RETRY, {**values, **({"hedge": True} if options.hedge else {})}


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{text!r} are no codes", place="--codes", hint="write them like 502,503,504") from None


def _limit(options: Namespace) -> _Values:
    if options.concurrency is not None:
        if options.rate is not None:
            raise UsageError("a rate and --concurrency are two limits", hint="set one after the other")
        return EditAction.LIMIT, {"concurrency": options.concurrency}
    if options.rate is None:
        raise UsageError("say how many in how much time", hint="for example: sandbox traffic limit orders 100/1s")
    values: dict[str, Any] = _rate(options.rate)
    if options.burst is not None:
        values["burst"] = options.burst
    if options.by == "caller":
        values["by"] = "caller"
    elif options.by is not None:
        values |= {"by": "header", "header": options.by}
    return EditAction.LIMIT, values


def _rate(text: str) -> dict[str, Any]:
    """From "100/1s", "10/m" or "100"."""
    found = re.fullmatch(r"(\d+)(?:/(\d*\S+))?", text, re.ASCII)
    if found is None:
        raise UsageError(f"{text!r} is no rate", hint="write it like 100/1s or 10/m")
    per = found[2] or "1s"
    return {"requests": int(found[1]), "per": per if per[0].isdigit() else f"1{per}"}


def _mirror(options: Namespace) -> _Values:
    percent = {} if options.percent is None else {"percentage": options.percent}
    return EditAction.MIRROR, {"version": options.version, **percent}


def _authorize(action: EditAction) -> Callable[[Namespace], _Values]:
    def form(options: Namespace) -> _Values:
        return action, {
            "from": list(options.callers),
            "methods": [method.upper() for method in options.method],
            "paths": list(options.path),
        }

    return form


def _clear(options: Namespace) -> _Values:
    return EditAction.CLEAR, {"what": options.what}


def _set(options: Namespace) -> _Values:
    values: dict[str, Any] = {}
    for text in options.settings:
        key, equals, value = text.partition("=")
        if not (key and equals):
            hint = "for example: sandbox traffic set pantry outlierDetection.consecutive5xxErrors=3"
            raise UsageError(f"{text!r} is not KEY=VALUE", hint=hint)
        _put(values, key.split("."), value, text)
    return EditAction.SET, values


def _put(values: dict[str, Any], keys: Sequence[str], value: str, text: str) -> None:
    import yaml

    *outer, last = keys
    for key in outer:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise UsageError(f"{text!r} is inside of something that has a value already")
    try:
        values[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError(f"{text!r} has a value that can't be read", hint="write it as in sandbox.yaml") from None


_FORMS: Mapping[str, Callable[[Namespace], _Values]] = {
    "split": _split,
    "route": _route,
    "fault": _fault,
    "timeout": _timeout,
    "retry": _retry,
    "limit": _limit,
    "mirror": _mirror,
    "allow": _authorize(EditAction.ALLOW),
    "deny": _authorize(EditAction.DENY),
    "clear": _clear,
    "set": _set,
}

FORMS = tuple(_FORMS)
