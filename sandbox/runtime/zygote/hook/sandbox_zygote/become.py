"""What a forked child does before the interpreter goes on in it: everything that a start would have set."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .serve import Command

MARK = "SANDBOX_SHIM"
"""The variable by which the shim knows what it started. It reads it where the kernel shows it, so we write it there."""

_ARGUMENTS, _ENVIRONMENT = slice(47, 49), slice(49, 51)  # proc_pid_stat(5): arg_start to env_end, counted from 0
_OUR_NAME = b"sandbox-zygote"


class Place:
    """Where the kernel shows this process's arguments and environment, and its name."""

    def __init__(self) -> "None":
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123
            # The name in parentheses, the second field, may hold anything.
            fields = [b"", b"", *file.read().rpartition(b")")[2].split()]
        self.arguments = tuple(int(field) for field in fields[_ARGUMENTS])
        self.environment = tuple(int(field) for field in fields[_ENVIRONMENT])
        with open("/proc/self/comm", "rb") as file:  # noqa: PTH123
            self._name = file.read().rstrip(b"\n")
        name_process(_OUR_NAME)

    def restore_name(self) -> "None":
        name_process(self._name)


def become(request: "Command", output: "int", told: "int", place: "Place") -> "None":
    """Returns when the child is known and told to go on; ends it when that can't be."""
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(request.cwd)
        _show(request, place)
        place.restore_name()
        _environ(request.environment)
        _arguments(request.argv)
        _main_thread()
        os.write(told, b"%d" % os.getpid())
        if os.read(told, 1) != b"g":
            os._exit(1)
    except BaseException as error:
        _refuse(told, error)


def _refuse(told: "int", error: "BaseException") -> "None":
    try:
        os.write(told, f"!{type(error).__name__}: {error}".encode("utf-8", "replace")[:500])
    finally:
        os._exit(1)


def name_process(name: "bytes") -> "None":
    with open("/proc/self/comm", "wb", buffering=0) as file:  # noqa: PTH123
        file.write(name)


def _environ(environment: "dict[str, str]") -> "None":
    os.environ.clear()
    os.environ.update(environment)


def _arguments(argv: "list[str]") -> "None":
    """In place, as somebody may hold the lists. What comes before them is the same as in the zygote."""
    count = len(sys.argv) - 1
    if count:
        sys.argv[1:] = argv[-count:]
        if hasattr(sys, "orig_argv"):
            sys.orig_argv[-count:] = argv[-count:]


def _main_thread() -> "None":
    """`threading`, if it is imported, remembers the zygote's thread."""
    threading = sys.modules.get("threading")
    if threading is not None and hasattr(threading.main_thread(), "_set_native_id"):
        threading.main_thread()._set_native_id()


def _show(request: "Command", place: "Place") -> "None":
    memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        start, end = place.environment
        shown = os.pread(memory, end - start, start)
        mark = request.environment[MARK]
        os.pwrite(memory, *marked(shown, start, os.fsencode(mark)))
        start, end = place.arguments
        shown = os.pread(memory, end - start, start)
        os.pwrite(memory, with_arguments(shown, request.argv), start)
    finally:
        os.close(memory)


def marked(shown: "bytes", start: "int", mark: "bytes") -> "tuple[bytes, int]":
    """What to write where, for the environment at `start` to carry `mark`. ValueError without room for it.

    The mark of a zygote is long enough for any other.
    """
    ours = b"\0" + MARK.encode() + b"="
    at = (b"\0" + shown).index(ours)
    room = shown.index(b"\0", at) - at
    entry = ours[1:] + mark
    if len(entry) > room:
        raise ValueError("there is no room for the mark")
    return entry.ljust(room, b"\0"), start + at


def with_arguments(shown: "bytes", argv: "list[str]") -> "bytes":
    """The arguments as the kernel shows them. Those of another length stay as they are."""
    old = shown.split(b"\0")
    new = [os.fsencode(word) for word in argv]
    count = min(len(old) - 1, len(new))
    for at in range(1, count + 1):
        if len(old[-1 - at]) == len(new[-at]) and at < len(sys.argv):
            old[-1 - at] = new[-at]
    return b"\0".join(old)
