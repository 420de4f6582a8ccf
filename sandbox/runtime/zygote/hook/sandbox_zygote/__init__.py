"""Inside the user's interpreter: import, wait, fork, and leave no trace.

Everything here must run on Python 3.8, and import only what every interpreter has loaded when `site` runs (`os`, `sys`)
until the user's libraries are in: what else we import is taken out of `sys.modules` again.
"""

import os
import sys

from .become import Place
from .hold import FOLDER, hold
from .preload import Doubt, Preload
from .serve import RECORD, Line, serve

LINE = "SANDBOX_ZYGOTE"
"""The variable that holds the number of our end of the line."""


def run(here: "str") -> "bool":
    """Returns in what goes on with the user's command: a zygote's child, or a standby. Whether the user has a
    `sitecustomize`."""
    if FOLDER in os.environ:
        return hold(lambda: restore_path(here))
    file = int(os.environ.pop(LINE))
    record = os.environ.pop(RECORD)
    os.set_inheritable(file, False)
    os.write(file, b"here\n")
    restore_path(here)
    place = Place()
    preload = Preload(record)
    try:
        preload.run()
    except Doubt as doubt:
        os.write(file, f"doubt {doubt.module}\t{doubt.why}\n".replace("\0", "").encode("utf-8", "replace"))
        os._exit(0)
    loaded = set(sys.modules)
    serve(Line(file), preload, place)
    for name in set(sys.modules) - loaded:
        del sys.modules[name]
    return preload.customized


def restore_path(here: "str") -> "None":
    rest = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry != here]
    if any(rest):
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    else:
        os.environ.pop("PYTHONPATH", None)
