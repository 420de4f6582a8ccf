"""The kinds of values in sandbox.yaml, each with what it accepts, what it becomes, and its JSON Schema.

Faults carry a sentence that continues the key's name ("interval should be …") and a hint.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sandbox.config import durations, sizes
from sandbox.config.commands import SHELL, split_command
from sandbox.config.names import LABEL, PROJECT, near_label, near_project_name
from sandbox.config.scalars import resolve, written
from sandbox.config.tree import quoted
from sandbox.model import GATEWAY, Template

FAULT = "sandbox"


def fault(message: str, hint: str = "") -> PydanticCustomError:
    return PydanticCustomError(FAULT, "{message}", {"message": message, "hint": hint})


def kind(value: object) -> str:
    """What a value is, in the words of the file."""
    match value:
        case None:
            return "nothing"
        case Template():
            return "an address of a service"
        case bool() | int() | float():
            return written(value)
        case str():
            return quoted(value)
        case dict():
            return "a map"
        case _:
            return "a list"


def text(value: object) -> str:
    """Text where numbers and booleans are welcome too, as in command lines and headers."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return written(value)
    raise _no_text(value)


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        raise fault(f"should be text, not {written(value)}", f'put it in quotes: "{written(value)}"')
    raise _no_text(value)


def _no_text(value: object) -> PydanticCustomError:
    if isinstance(value, Template):
        return fault("can't be an address of a service", "use ${services.…} in a value of environment")
    return fault(f"should be text, not {kind(value)}", "write a single value")


def _filled(value: object) -> str:
    found = _string(value)
    if not found.strip():
        raise fault("is empty", "give it a value or take the key out")
    return found


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):  # out of a variable
        return value == "true"
    wanted = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}.get(
        str(value).lower()
    )
    raise fault(f"should be true or false, not {kind(value)}", f"write {wanted or 'true or false'}")


def number(value: object) -> object:
    """A variable's text as the number that it is."""
    return resolve(value) if isinstance(value, str) else value


def whole(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        found = number(value)
        if isinstance(found, bool) or not isinstance(found, int):
            raise fault(f"should be a whole number, not {kind(value)}", f"write a number from {low} to {high}")
        if not low <= found <= high:
            raise fault(f"is out of range: {found}", f"write a number from {low} to {high}")
        return int(found)

    return check


def _cpus(value: object) -> float:
    found = number(value)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise fault(f"should be a number of processors, not {kind(value)}", "write it like 0.5")
    if not 0 < found <= 1024:
        raise fault(f"is out of range: {written(found)}", "write a number above 0 and up to 1024, such as 0.5")
    return float(found)


def duration(value: object) -> float:
    try:
        return durations.parse_duration(text(value))
    except ValueError as error:
        raise fault(f"{error}: {kind(value)}", _unit_hint(value, "s", durations.EXAMPLES)) from None


def _positive_duration(value: object) -> float:
    seconds = duration(value)
    if seconds <= 0:
        raise fault("should be longer than 0", f"write it like {durations.EXAMPLES}")
    return seconds


def _size(value: object) -> int:
    try:
        size = sizes.parse_size(text(value))
    except ValueError as error:
        raise fault(f"{error}: {kind(value)}", _unit_hint(value, "M", sizes.EXAMPLES)) from None
    if size < 1:
        raise fault("should be more than 0", f"write it like {sizes.EXAMPLES}")
    return size


def _unit_hint(value: object, unit: str, examples: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"add the unit: {written(value)}{unit}"
    return f"write it like {examples}"


def _environment_value(value: object) -> Template | None:
    if value is None or isinstance(value, Template):
        return value
    return Template((text(value),))


def _words(value: list[object]) -> tuple[str, ...]:
    return tuple(text(item) for item in value)


def _command(value: object) -> tuple[str, ...]:
    return _argv(value, "take the key out to have the command detected", "python app.py")


def _hook_command(value: object) -> tuple[str, ...]:
    return _argv(value, "write what is to be run", "nginx -s reload", has_addresses=False)


def _argv(value: object, if_empty: str, example: str, *, has_addresses: bool = True) -> tuple[str, ...]:
    if isinstance(value, list):
        words = _words(value)
        if not words or not words[0]:
            raise fault("is empty", if_empty)
        return words
    if isinstance(value, Template):
        raise _no_text(value)
    if not isinstance(value, str):
        raise fault(f"should be text or a list of words, not {kind(value)}", f"write it like {example}")
    try:
        return split_command(value, has_addresses=has_addresses)
    except ValueError as error:
        raise fault(f"can't be used: {error}", "check the quotes, or write a list of words") from None


def _health_test(value: object) -> tuple[str, ...]:
    """The words of the command; none for `["NONE"]`, which switches the check off."""
    if isinstance(value, str) and value.strip():
        return (*SHELL, value)
    if not isinstance(value, list):
        raise fault(f"should be text or a list, not {kind(value)}", 'write ["CMD", "program", "argument"]')
    match _words(value):
        case ("NONE",):
            return ()
        case ("CMD", *words) if words:
            return tuple(words)
        case ("CMD-SHELL", line):
            return (*SHELL, line)
    raise fault("should begin with CMD, CMD-SHELL or NONE", 'write ["CMD", "program", "argument"]')


_RESTART = re.compile(r"no|always|unless-stopped|on-failure(:[0-9]{1,9})?", re.ASCII)


def _restart(value: object) -> str:
    if isinstance(value, str) and _RESTART.fullmatch(value):
        return value
    raise fault(f"should be no, on-failure, always or unless-stopped, not {kind(value)}", "choose one of them")


def _label(value: object) -> str:
    name = text(value)
    if LABEL.fullmatch(name):
        return name
    near = near_label(name)
    rule = "up to 40 lower-case letters, digits and hyphens"
    raise fault(f"{quoted(name)} is not a name made of {rule}", f"call it {near}" if near else "choose another name")


def _service_name(value: object) -> str:
    name = _label(value)
    if name == GATEWAY:
        raise fault(f"{quoted(name)} is the name of the way in from outside", "choose another name")
    return name


def project_name(value: object) -> str:
    name = _filled(value)
    if PROJECT.fullmatch(name):
        return name
    near = near_project_name(name)
    rule = "lower-case letters, digits, hyphens and underscores"
    raise fault(f"{quoted(name)} is not a name made of {rule}", f"call it {near}" if near else "choose another name")


def variable_name(value: object) -> str:
    name = text(value)
    if not name or "=" in name or not name.isprintable():
        raise fault(f"{quoted(name)} is no name of a variable", "use letters, digits and underscores")
    if name in ("PORT", "HOST") or name.startswith("SANDBOX_") or re.fullmatch("PORT_[0-9]+", name):
        raise fault(f"{name} is set by sandbox for every instance", f"take it out; the service reads {name} as it is")
    return name


_VARIABLE = r"\$"
"""Where a number or a boolean stands, editors also take a text with a variable in it."""


def integer_schema(low: int, high: int) -> WithJsonSchema:
    schema = {"type": ["integer", "string"], "minimum": low, "maximum": high, "pattern": rf"^[0-9]+$|{_VARIABLE}"}
    return WithJsonSchema(schema)


_SCALAR_TYPES = ["string", "number", "boolean"]

BOOLEAN: dict[str, Any] = {"type": ["boolean", "string"], "pattern": f"^(true|false)$|{_VARIABLE}"}
Boolean = Annotated[bool, PlainValidator(_boolean), WithJsonSchema(BOOLEAN)]
String = Annotated[str, PlainValidator(_filled), WithJsonSchema({"type": "string", "minLength": 1})]
Text = Annotated[str, PlainValidator(text), WithJsonSchema({"type": _SCALAR_TYPES})]
PortNumber = Annotated[int, PlainValidator(whole(1, 65535)), integer_schema(1, 65535)]
Replicas = Annotated[int, PlainValidator(whole(0, 100)), integer_schema(0, 100)]
Pids = Annotated[int, PlainValidator(whole(1, 4_194_304)), integer_schema(1, 4_194_304)]
Retries = Annotated[int, PlainValidator(whole(1, 1000)), integer_schema(1, 1000)]
Attempts = Annotated[int, PlainValidator(whole(0, 100)), integer_schema(0, 100)]
Weight = Annotated[int, PlainValidator(whole(0, 1_000_000)), integer_schema(0, 1_000_000)]
StatusCode = Annotated[int, PlainValidator(whole(400, 599)), integer_schema(400, 599)]
Cpus = Annotated[float, PlainValidator(_cpus), WithJsonSchema({"type": ["number", "string"], "examples": ["0.5", "2"]})]
Duration = Annotated[
    float, PlainValidator(duration), WithJsonSchema({"type": "string", "examples": ["500ms", "10s", "1m30s"]})
]
PositiveDuration = Annotated[
    float,
    PlainValidator(_positive_duration),
    WithJsonSchema({"type": "string", "examples": ["500ms", "10s", "1m30s"]}),
]
Size = Annotated[
    int, PlainValidator(_size), WithJsonSchema({"type": ["string", "integer"], "examples": ["64M", "1.5G"]})
]
EnvironmentValue = Annotated[
    Template | None, PlainValidator(_environment_value), WithJsonSchema({"type": [*_SCALAR_TYPES, "null"]})
]
_WORDS_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": _SCALAR_TYPES}, "minItems": 1}]}
Command = Annotated[tuple[str, ...], PlainValidator(_command), WithJsonSchema(_WORDS_SCHEMA)]
HookCommand = Annotated[tuple[str, ...], PlainValidator(_hook_command), WithJsonSchema(_WORDS_SCHEMA)]
HealthTest = Annotated[tuple[str, ...], PlainValidator(_health_test), WithJsonSchema(_WORDS_SCHEMA)]
Restart = Annotated[
    str, PlainValidator(_restart), WithJsonSchema({"type": "string", "pattern": f"^({_RESTART.pattern})$"})
]
_LABEL_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{LABEL.pattern}$"})
Label = Annotated[str, PlainValidator(_label), _LABEL_SCHEMA]
ServiceName = Annotated[str, PlainValidator(_service_name), _LABEL_SCHEMA]
ProjectName = Annotated[
    str, PlainValidator(project_name), WithJsonSchema({"type": "string", "pattern": f"^{PROJECT.pattern}$"})
]
VariableName = Annotated[str, PlainValidator(variable_name), WithJsonSchema({"type": "string"})]


class AlsoAs:
    """Adds short forms, which `expand` or a model turns into the long one, to a field's JSON Schema."""

    def __init__(self, *short_forms: dict[str, Any]) -> None:
        self._short_forms = short_forms

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {"anyOf": [*self._short_forms, handler(core)]}


TEXT: dict[str, Any] = {"type": "string"}
TEXT_LIST: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
