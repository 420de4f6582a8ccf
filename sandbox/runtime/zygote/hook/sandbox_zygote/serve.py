"""Waiting for starts. A start is one byte with three files: what to become, its output, and whom to tell.

What to become is text between NULs: folder, arguments and environment of the start, and the same of this zygote, with
the lists after their lengths and variables as NAME=value. To be told is a socket: `!why` when it can't be done, else
the child's pid, after which the child waits for one byte and goes on.
"""

import os
import sys

from .become import MARK, Place, become
from .preload import Preload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD = "SANDBOX_ZYGOTE_RECORD"
"""The variable that holds the path of our `record`."""

PRECIOUS = ("PYTHON", "LD_", "LC_", "GLIBC_", "MALLOC_", "OPENSSL_", "NSS_")
ALSO_PRECIOUS = ("LANG", "LANGUAGE", "TZ", "TZDIR")
"""Variables that the interpreter and the C library read at their start, which ours is past."""


class Line:
    """The other end is the shim's."""

    def __init__(self, file: "int") -> "None":
        import _socket

        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, file)
        self._room = _socket.CMSG_SPACE(3 * 4)
        self._cloexec = _socket.MSG_CMSG_CLOEXEC

    def say(self, text: "str") -> "None":
        self._socket.send(text.encode("utf-8", "replace") + b"\n")

    def wait(self) -> "list[int] | None":
        """The files of the next start; None when the other end is closed."""
        data, extra, _, _ = self._socket.recvmsg(1, self._room, self._cloexec)
        if not data:
            return None
        raw = extra[0][2] if extra else b""
        return [int.from_bytes(raw[at : at + 4], sys.byteorder) for at in range(0, len(raw), 4)]

    def close(self) -> "None":
        self._socket.close()


class Command:
    """Folder, arguments and environment of one start."""

    def __init__(self, words: "list[str]") -> "None":
        """Takes them off the end of `words`."""
        self.cwd = words.pop()
        self.argv = [words.pop() for _ in range(int(words.pop()))]
        pairs = [words.pop().partition("=") for _ in range(int(words.pop()))]
        self.environment = {name: value for name, _, value in pairs}


def read_request(file: "int") -> "tuple[Command, Command]":
    """What to become, and what this zygote was given."""
    with open(file, "rb") as stream:  # noqa: PTH123
        stream.seek(0)
        words = [os.fsdecode(word) for word in reversed(stream.read().split(b"\0"))]
    return Command(words), Command(words)


def serve(line: "Line", preload: "Preload", place: "Place") -> "None":
    """Returns in children only."""
    settle()
    line.say("ready")
    while True:
        files = line.wait()
        if files is None:
            os._exit(0)
        told = files[2]
        try:
            request, was = read_request(files[0])
            why = objection(request, was, preload)
            if why is None and fork():
                line.close()
                request.environment.update(given_by_start(was, preload))
                become(request, files[1], told, place)
                return
            if why is not None:
                _tell(told, f"!{why}")
        except Exception as error:
            _tell(told, f"!{type(error).__name__}: {error}")
        finally:
            for file in files[1:]:
                os.close(file)


def settle() -> "None":
    """Keep the collector off what is there: going over it, it would write to pages that children share."""
    import gc

    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()


def fork() -> "bool":
    """Whether we are the child. It is left to the nearest reaper above us: the process between ends at once."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    between = os.getpid()
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        os._exit(1)
    while os.getppid() == between:
        os.sched_yield()
    return True


def given_by_start(was: "Command", preload: "Preload") -> "dict[str, str]":
    """What the interpreter, or a shell before it, put into the environment by itself: LC_CTYPE (PEP 538), PWD."""
    found = {os.fsdecode(name): os.fsdecode(value) for name, value in preload.environment.items()}
    ours = ("PYTHONPATH", MARK)
    return {name: value for name, value in found.items() if was.environment.get(name) != value and name not in ours}


def objection(request: "Command", was: "Command", preload: "Preload") -> "str | None":
    """Why a cold start would be something else."""
    ahead = len(request.argv) - (len(sys.argv) - 1)
    if len(request.argv) != len(was.argv) or request.argv[:ahead] != was.argv[:ahead] or request.cwd != was.cwd:
        return "the command is another one"
    before = {**was.environment, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    after = {"PYTHONPATH": "", **request.environment, RECORD: before.get(RECORD)}
    return stale(before, after, request.cwd, preload)


def stale(
    before: "Mapping[str, str | None]", after: "Mapping[str, str | None]", cwd: "str", preload: "Preload"
) -> "str | None":
    """Why a start with the variables `after` would import something else than we did with those `before`."""
    for name in sorted(set(before) | set(after)):
        if before.get(name) == after.get(name):
            continue
        if name in preload.read or name.startswith(PRECIOUS) or name in ALSO_PRECIOUS:
            return f"the variable {name} has changed"
    hidden = _hidden(cwd, preload)
    if hidden:
        return f"the service has a module {hidden} of its own"
    changed = preload.changed()
    return f"{changed} has changed" if changed else None


def _hidden(cwd: "str", preload: "Preload") -> "str | None":
    """A module in the user's folders that a cold start would import instead of the one imported here."""
    script = sys.argv[0]
    own = cwd if script in ("-c", "-m") else os.path.realpath(os.path.join(cwd, script))  # noqa: PTH118
    folders = {cwd, own if os.path.isdir(own) else os.path.dirname(own)}  # noqa: PTH112, PTH120
    names = preload.names
    for folder in folders:
        for entry in os.scandir(folder):
            stem, dot, _ = entry.name.partition(".")
            if stem in preload.missed or (stem in names and (dot or os.path.exists(entry.path + "/__init__.py"))):  # noqa: PTH110
                return stem
    return None


def _tell(told: "int", text: "str") -> "None":
    try:  # noqa: SIM105
        os.write(told, text.encode("utf-8", "replace")[:500])
    except OSError:
        pass
