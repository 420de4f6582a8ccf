"""Waiting for one start in a container of our own. Nothing is forked: this very process goes on with the command.

The folder that FOLDER names holds our record, what we say (`said`, a line each) and, once we are to go on, the
variables of the start (`go`: NAME=value between NULs). To go on is SIGCONT, which harms no program that does not wait
for it.
"""

import os
import sys

from .become import Place
from .preload import EVERYTHING, Doubt, Preload
from .serve import stale

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = "SANDBOX_STANDBY"


class Notes:
    """What we and the supervisor tell each other."""

    def __init__(self, folder: "str") -> "None":
        self.record = folder + "/record"
        self._said = folder + "/said"
        self._go = folder + "/go"

    def say(self, text: "str") -> "None":
        _append(self._said, text)

    def leave_out(self, doubt: "Doubt") -> "None":
        why = str(doubt.why).replace("\n", " ")
        if doubt.module == EVERYTHING:
            self.say(f"hopeless\t{why}")
            os._exit(0)
        _append(self.record, f"-{doubt.module}\t{why}")

    def given(self) -> "dict[str, str]":
        with open(self._go, "rb") as file:  # noqa: PTH123
            pairs = [os.fsdecode(entry).partition("=") for entry in file.read().split(b"\0") if entry]
        return {name: value for name, _, value in pairs}


def hold(restore_path: "Callable[[], None]") -> "bool":
    """Returns when the start has come. Whether the user has a `sitecustomize`. A start that can't be warm is made cold:
    the interpreter begins anew, in this container."""
    import _signal  # type: ignore[import-not-found]

    as_begun = dict(os.environ)
    notes = Notes(os.environ.pop(FOLDER))
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGCONT,))
    notes.say("here")
    restore_path()
    place = Place()
    preload = Preload(notes.record, guessed=True)
    try:
        preload.run()
    except Doubt as doubt:
        notes.leave_out(doubt)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        _begin_anew(as_begun)
    notes.say("ready")
    _signal.sigwait((_signal.SIGCONT,))
    before = dict(os.environ)
    os.environ.update(notes.given())
    why = stale(before, os.environ, os.getcwd(), preload)  # noqa: PTH109
    place.restore_name()
    _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
    if why:
        notes.say(f"cold\t{why}")
        _begin_anew(dict(os.environ))
    notes.say("warm")
    return preload.customized


def _begin_anew(environment: "dict[str, str]") -> "None":
    with open("/proc/self/cmdline", "rb") as file:  # noqa: PTH123
        argv = file.read().split(b"\0")[:-1]
    os.execve(sys.executable, argv, environment)


def _append(path: "str", line: "str") -> "None":
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    os.write(file, line.encode("utf-8", "replace") + b"\n")
    os.close(file)
