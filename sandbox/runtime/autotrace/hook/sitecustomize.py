"""Starts OpenTelemetry's instrumentation in a service, behind everything the service brings itself.

Standard library only: it runs in the user's interpreter. Whatever fails here is said, and the service runs without.

Where no server is that it knows, it stays away: calls would begin traces of their own in place of those that the
service hands on.
"""

import os
import sys

_SERVERS = ("flask", "fastapi", "starlette", "django", "tornado", "aiohttp", "grpc")


def _begin() -> "None":
    from importlib import import_module
    from importlib.util import find_spec

    libraries = os.environ.get("SANDBOX_OTEL")
    if not libraries:
        return
    if not any(find_spec(name) for name in _SERVERS):
        _say(f"none of {', '.join(_SERVERS)} is installed")
        return
    sys.path.append(libraries)
    try:
        import_module("opentelemetry.instrumentation.auto_instrumentation").initialize()
    except Exception as error:
        _say(repr(error))


def _say(why: "str") -> "None":
    sys.stderr.write(f"sandbox: no spans from inside this service: {why}\n")


_here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
sys.path[:] = [entry for entry in sys.path if entry != _here]
del sys.modules["sitecustomize"]
_none_of_theirs: "ImportError | None" = None
try:
    __import__("sitecustomize")  # the user's own, if there is one
except ImportError as _error:
    if _error.name != "sitecustomize":
        raise
    _none_of_theirs = _error
_begin()
if _none_of_theirs is not None:
    # What `site` finds when there is none: it goes on, and the import system forgets this module.
    raise _none_of_theirs
