"""Stands before the user's own `sitecustomize`, if there is one, and leaves it in its place."""

import os
import sys


def _begin() -> "bool":
    """Whether the user has a `sitecustomize`. Returns in the processes that go on with the user's command."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    import sandbox_zygote  # type: ignore[import-not-found]

    sys.path[:] = [entry for entry in sys.path if entry != here]
    del sys.modules["sitecustomize"]
    try:
        return bool(sandbox_zygote.run(here))
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox_zygote"]:
            del sys.modules[name]
        for place in [place for place in sys.path_importer_cache if place.startswith(here)]:
            del sys.path_importer_cache[place]


if not _begin():
    # What `site` finds when there is none: it goes on, and the import system forgets this module.
    raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
