"""The kinds of values that only containers have, as `fields` has the others."""

from __future__ import annotations

import re
import shlex
from difflib import get_close_matches
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sandbox.config.commands import LONGEST
from sandbox.config.fields import TEXT, fault, kind, text
from sandbox.config.names import VOLUME, near_volume_name
from sandbox.config.scalars import written
from sandbox.config.tree import quoted

_CAPABILITIES = (
    "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH "
    "FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN "
    "NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT "
    "SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"
)
CAPABILITIES = frozenset(_CAPABILITIES.split())
"""capabilities(7)."""

FORGERS = frozenset({"ALL", "NET_ADMIN", "NET_RAW"})
"""With these an instance could call from another's address."""

_SIGNALS = (
    "ABRT ALRM BUS CHLD CONT FPE HUP ILL INT IO KILL PIPE PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU "
    "URG USR1 USR2 VTALRM WINCH XCPU XFSZ"
)
SIGNALS = frozenset(_SIGNALS.split())
"""signal(7)."""

RESERVED_LABELS = ("com.docker.compose", "dev.sandbox")

_PULL_POLICIES = {"always": "always", "missing": "missing", "if_not_present": "missing", "never": "never"}
_OTHER_PULL_POLICIES = re.compile(r"build|refresh|daily|weekly|every_([0-9]+[wdhms])+", re.ASCII)


def _entrypoint(value: object) -> tuple[str, ...]:
    """Compose's meaning: words without a shell, and nothing at all for an empty one."""
    if isinstance(value, list):
        return tuple(text(item) for item in value)
    if not isinstance(value, str):
        raise fault(f"should be text or a list of words, not {kind(value)}", 'write ["program", "argument"]')
    if len(value) > LONGEST:
        raise fault(f"is longer than {LONGEST // 1024} KiB", "put it into a script")
    try:
        return tuple(shlex.split(value))
    except ValueError:
        raise fault("can't be used: a quote is not closed", "check the quotes, or write a list of words") from None


_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?", re.ASCII)


def _user(value: object) -> str:
    name = text(value)
    if _USER.fullmatch(name):
        return name
    raise fault(
        f"should be a user, not {kind(value)}", "write a name or a number, or both of user and group: 1000:1000"
    )


def _folder_inside(value: object) -> str:
    path = text(value)
    if path.startswith("/"):
        return normal(path)
    raise fault(f"should be a path in the container that begins with /, not {kind(value)}", _path_hint(path))


def mount_target(value: object) -> str:
    path = _folder_inside(value)
    if path == "/":
        raise fault("can't be the container's root folder", "choose a folder in it, such as /data")
    return path


def _path_hint(path: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    return f"write it like /{'/'.join(parts)}" if parts else "write it like /data"


def normal(path: str) -> str:
    """An absolute path without `.`, `..` and doubled slashes."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _label_name(value: object) -> str:
    name = text(value)
    if not name.strip() or not name.isprintable():
        raise fault(f"{quoted(name)} is no name of a label", "use letters, digits, dots and hyphens")
    if name.startswith(RESERVED_LABELS):
        raise fault(f"the label {quoted(name)} is set by sandbox itself", "take it out")
    return name


def _label_value(value: object) -> str:
    return "" if value is None else text(value)


def _pull_policy(value: object) -> str:
    if isinstance(value, str) and value in _PULL_POLICIES:
        return _PULL_POLICIES[value]
    choices = "always, missing, if_not_present or never"
    if isinstance(value, str) and _OTHER_PULL_POLICIES.fullmatch(value):
        raise fault(f"{value} is Compose's, and sandbox does not support it yet", f"choose {choices}")
    near = get_close_matches(str(value), _PULL_POLICIES, n=1)
    raise fault(f"should be {choices}, not {kind(value)}", f"did you mean {near[0]}?" if near else "choose one of them")


def _capability(value: object) -> str:
    name = text(value).upper().removeprefix("CAP_")
    if name in FORGERS:
        raise fault(
            f"{quoted(name)} is refused: the service could then pretend to be another one",
            "name the capabilities it needs, such as SYS_PTRACE" if name == "ALL" else "take it out",
        )
    if name in CAPABILITIES:
        return name
    near = get_close_matches(name, CAPABILITIES, n=1)
    raise fault(
        f"{quoted(text(value))} is no capability of Linux", f"did you mean {near[0]}?" if near else "take it out"
    )


def _stop_signal(value: object) -> str:
    """`INT`, `SIGINT` and 2 are all a signal; a name comes out with SIG in front."""
    name = text(value).upper().removeprefix("SIG")
    if name in SIGNALS or re.fullmatch(r"RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?", name):
        return f"SIG{name}"
    if re.fullmatch(r"[1-9]|[1-5][0-9]|6[0-4]", name):
        return name
    near = get_close_matches(name, SIGNALS, n=1)
    hint = f"did you mean SIG{near[0]}?" if near else "write it like SIGINT"
    raise fault(f"should be a signal, not {kind(value)}", hint)


def file_mode(value: object) -> int:
    """Permission bits, octal however they are written."""
    digits = written(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(digits, str) and re.fullmatch(r"(0o?)?[0-7]{1,4}", digits):
        return int(digits.removeprefix("0o"), 8)
    raise fault(f"should be permissions in octal, not {kind(value)}", 'write it like "1777"')


def _volume_name(value: object) -> str:
    name = text(value)
    if VOLUME.fullmatch(name):
        return name
    near = near_volume_name(name)
    rule = "letters, digits, dots, hyphens and underscores"
    raise fault(f"{quoted(name)} is not a name made of {rule}", f"call it {near}" if near else "choose another name")


def _always(wanted: bool, message: str, hint: str) -> PlainValidator:
    """For a switch that has one position here."""

    def check(value: object) -> bool:
        if value is wanted or value == written(wanted):
            return wanted
        raise fault(message, hint) if isinstance(value, bool | str) else _no_switch(value)

    return PlainValidator(check)


def _no_switch(value: object) -> PydanticCustomError:
    return fault(f"should be true or false, not {kind(value)}", "write true or false")


_TEXT_SCHEMA = WithJsonSchema(TEXT)

Entrypoint = Annotated[
    tuple[str, ...],
    PlainValidator(_entrypoint),
    WithJsonSchema(
        {"anyOf": [TEXT, {"type": "array", "items": {"type": ["string", "number", "boolean"]}}]},
    ),
]
User = Annotated[str, PlainValidator(_user), WithJsonSchema({"type": ["string", "integer"]})]
FolderInside = Annotated[str, PlainValidator(_folder_inside), _TEXT_SCHEMA]
Target = Annotated[str, PlainValidator(mount_target), _TEXT_SCHEMA]
LabelName = Annotated[str, PlainValidator(_label_name), _TEXT_SCHEMA]
LabelValue = Annotated[
    str, PlainValidator(_label_value), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
]
VolumeName = Annotated[
    str, PlainValidator(_volume_name), WithJsonSchema({"type": "string", "pattern": f"^{VOLUME.pattern}$"})
]
PullPolicy = Annotated[str, PlainValidator(_pull_policy), WithJsonSchema({"enum": list(_PULL_POLICIES)})]
Capability = Annotated[str, PlainValidator(_capability), _TEXT_SCHEMA]
StopSignal = Annotated[str, PlainValidator(_stop_signal), WithJsonSchema({"type": ["string", "integer"]})]
FileMode = Annotated[int, PlainValidator(file_mode), WithJsonSchema({"type": ["string", "integer"]})]
On = Annotated[
    bool,
    _always(True, "can't be false: every container has an init process", "take it out"),
    WithJsonSchema({"const": True}),
]
Unprivileged = Annotated[
    bool,
    _always(
        False,
        "can't be true: the service would be root on this machine",
        "take it out, and name what it needs under cap_add",
    ),
    WithJsonSchema({"const": False}),
]
NoSocket = Annotated[
    bool,
    _always(False, "can't be true: whoever has the engine's socket is root on this machine", "take it out"),
    WithJsonSchema({"const": False}),
]
