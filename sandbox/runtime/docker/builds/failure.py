"""Why a build failed, and what to do about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.engine import hint_for

_SHOWN = 4

_CERTIFICATES = re.compile(r"certificate|CERT_|x509|PKIX path", re.IGNORECASE)

Hints = tuple[tuple[re.Pattern[str], str], ...]


def _hints(*pairs: tuple[str, str]) -> Hints:
    return tuple((re.compile(pattern, re.IGNORECASE), hint) for pattern, hint in pairs)


_OF_THE_BUILDER = _hints(
    (r"requires BuildKit|unknown flag|the --\w+ option",
     "the engine's classic builder can't do that: build it with docker build, and name the result with image:"),
    (r"(COPY|ADD) failed|file not found in build context|excluded by \.dockerignore|no source files",
     "check the path, and that .dockerignore does not leave it out"),
    (r"invalid reference format|should not be blank", "check the name of the image after FROM"),
    (r"file with no instructions|cannot be empty|no build stage",
     "write a Dockerfile, or remove it: most folders need none"),
    (r"build target|target stage", "name a stage of the Dockerfile in build: {target: …}"),
)  # fmt: skip
_OF_A_COMMAND = _hints(
    (r"no space left", "free some disk space, such as: docker system prune"),
    (_CERTIFICATES.pattern, "name your network's certificates: SSL_CERT_FILE=/path/to/bundle.pem"),
    (r"unable to execute '?(gcc|cc)\b|command '?/?[\w/-]*(gcc|cc)'? failed|no acceptable C compiler|not found: make|"
     r"gcc: (command )?not found",
     "it needs a compiler: give the service a Dockerfile, or its base image one, such as "
     "SANDBOX_IMAGE_PYTHON=python:3.12"),
    (r"name resolution|could not resolve|no such host|network is unreachable|EAI_AGAIN|ENOTFOUND|ETIMEDOUT|"
     r"ECONNREFUSED|connection (refused|timed out|reset)|proxyerror|i/o timeout|unknown host",
     "check the network; behind a proxy, set HTTPS_PROXY"),
    (r"no matching distribution|could not find a version|404 not found|E404|notarget|unknown revision|"
     r"could not find artifact|invalid requirement",
     "check the names and versions of the packages"),
)  # fmt: skip
_BOILERPLATE = re.compile(
    r"\[ERROR\]\s*(-> \[Help|\[Help|$|To see the full|Re-run Maven|For more information|After correcting)"
    r"|\[INFO\]|npm (ERR!|error) (A complete log|\s*/)|\[notice\]"
)
_TELLING = re.compile(r"ERROR: |\[ERROR\] |npm (ERR!|error) (code|\d{3}|\w*Error)|error:|E: ")
_LINE = re.compile(r"dockerfile parse error (?:on )?line (\d+):\s*", re.IGNORECASE)
_LEFT = re.compile(r"The command '(?P<command>.+)' returned a non-zero code: (?P<code>\d+)", re.DOTALL)


def build_failure(said: str, last: Sequence[str], *, place: str, dockerfile: str, extra: str = "") -> RuntimeFailure:
    """`said` is the engine's own word, `last` the newest output, `extra` a next step that goes before any other."""
    if match := _LINE.search(said):
        line = f"{dockerfile}:{match[1]}"
        return RuntimeFailure(said[match.end() :], place=line, hint=_hint(said, ()) or "correct the line")
    certificates = _CERTIFICATES.search("\n".join(last)) is not None
    hint = extra if certificates and extra else _hint(said, last)
    return RuntimeFailure(f"the image could not be built: {_words(said, last)}", place=place, hint=hint)


def _words(said: str, output: Sequence[str]) -> str:
    """A command that failed has told why itself, most often."""
    if match := _LEFT.search(said):
        lines = [line.strip() for line in output if not _BOILERPLATE.match(line)]
        told = "; ".join([line for line in lines if _TELLING.match(line)][:_SHOWN] or lines[-_SHOWN:])
        command = match["command"].removeprefix("/bin/sh -c ")
        return told or f"{' '.join(command.split())} ended with {match['code']} and said nothing"
    return said.strip()


def _hint(said: str, output: Sequence[str]) -> str:
    """That a command failed tells nothing; what it wrote may. Patterns are in the order of causes before effects."""
    if _LEFT.search(said) is None:
        return _first(_OF_THE_BUILDER, said) or hint_for(said)
    return _first(_OF_A_COMMAND, "\n".join(output)) or "see the output above: sandbox logs"


def _first(hints: Hints, text: str) -> str:
    return next((hint for pattern, hint in hints if pattern.search(text)), "")
