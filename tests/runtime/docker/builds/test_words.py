"""What people read of builds and pulls: output, reasons and hints. No engine."""

from __future__ import annotations

import pytest

from sandbox.runtime.docker.builds.failure import build_failure
from sandbox.runtime.docker.builds.names import key_of, service_tag
from sandbox.runtime.docker.builds.progress import Building, Pulling

FAILED = "The command '/bin/sh -c pip install  -r x' returned a non-zero code: 1"


def heard(*pieces: str) -> list[str]:
    said: list[str] = []
    hidden = {"COPY --from=sandbox/x-1/build.files:ab / /run/sandbox-build/", "ARG PIP_CERT PIP_INDEX_URL"}
    building = Building(said.append, lambda text: text.replace("sesame", "***"), hidden)
    for piece in pieces:
        building.hear({"stream": piece})
    building.end()
    return said


def test_a_builds_output_comes_in_lines_without_our_own() -> None:
    assert heard(
        "Step 1/5 : FROM a",
        "\n ---> 0123456789ab\n",
        'Step 2/5 : LABEL dev.sandbox.image.kind="stage"\n',
        " ---> Using cache\n",
        "Step 3/5 : COPY --from=sandbox/x-1/build.files:ab / /run/sandbox-build/\n",
        "Step 4/5 : ARG PIP_CERT PIP_INDEX_URL\nStep 5/5 : RUN pip\n",
        " ---> Running in 0123456789ab\n",
        "\x1b[91mwarn",
        "ing: sesame\n\x1b[0m\x1b[91mRemoving intermediate container 0123456789ab\n",
        "Successfully built 0123456789ab\nthe last line",
    ) == ["FROM a", "RUN pip", "warning: ***", "the last line"]


def test_the_newest_lines_are_those_of_the_command_that_runs() -> None:
    building = Building(lambda line: None, str)
    building.hear({"stream": "Step 1/2 : RUN a\nfrom a\nStep 2/2 : RUN b\nfrom b\n"})
    building.hear({"error": "x", "errorDetail": {"code": 1, "message": "it broke"}})
    assert list(building.last) == ["from b"]
    assert building.error == "it broke"


def test_a_pull_is_a_few_lines() -> None:
    now = 0.0
    said: list[str] = []
    pulling = Pulling(said.append, lambda: now)
    for layer in "ab":
        pulling.hear({"status": "Pulling fs layer", "id": layer})
    for current in range(0, 40, 5):
        now += 0.5
        detail = {"current": current * 1_000_000, "total": 40_000_000}
        pulling.hear({"status": "Downloading", "id": "a", "progressDetail": detail})
    pulling.hear({"status": "Pull complete", "id": "a"})
    now += 3
    pulling.hear({"status": "Already exists", "id": "b"})
    pulling.hear({"status": "Digest: sha256:0"})
    assert said == [
        "pulling: 0 of 2 layers complete, 15 of 40 MB here",
        "pulling: 0 of 2 layers complete, 35 of 40 MB here",
        "pulling: 2 of 2 layers complete, 40 of 40 MB here",
    ]


@pytest.mark.parametrize(
    ("said", "last", "message", "hint"),
    [
        (FAILED, ["a", "b", "c", "d", "e"], "b; c; d; e", "see the output above"),
        (FAILED, [], "pip install -r x ended with 1 and said nothing", "see the output above"),
        (FAILED, ["Retrying: CERTIFICATE_VERIFY_FAILED", "No matching distribution"], "", "name your network's certif"),
        (FAILED, ["Temporary failure in name resolution"], "", "check the network; behind a proxy"),
        (FAILED, ["error: command 'gcc' failed: No such file"], "", "it needs a compiler"),
        (
            FAILED,
            ["npm ERR! code E404", "npm ERR! A complete log of this run"],
            "npm ERR! code E404",
            "check the names",
        ),
        (
            FAILED,
            ["npm ERR! code E404", "npm ERR! errno 1", "npm ERR! 404 Not Found - GET https://a", *["npm ERR! x"] * 9],
            "npm ERR! code E404; npm ERR! 404 Not Found - GET https://a",
            "check the names",
        ),
        (FAILED, ["OSError: [Errno 28] No space left on device"], "", "free some disk space"),
        (
            FAILED,
            ["[ERROR] COMPILATION ERROR :", "[INFO] 1 error", "[ERROR] -> [Help 1]", "[ERROR] "],
            "[ERROR] COMPILATION ERROR :",
            "see the output above",
        ),
        (
            "pull access denied for x, repository does not exist",
            ["x509"],
            "pull access denied",
            "check the image's name",
        ),
        ("x509: certificate signed by unknown authority", [], "x509", ""),
        ("write /var/lib/docker: no space left on device", [], "no space left", "free some disk space"),
    ],
)
def test_why_a_build_failed(said: str, last: list[str], message: str, hint: str) -> None:
    failure = build_failure(said, last, place="orders", dockerfile="Dockerfile")
    assert failure.place == "orders"
    assert failure.message.startswith("the image could not be built: ")
    assert message in failure.message
    assert failure.hint.startswith(hint)
    assert bool(failure.hint) == bool(hint)


@pytest.mark.parametrize(
    ("service", "version", "tag"),
    [
        ("orders", "v1", "sandbox/shop-1/orders:v1-k"),
        ("Order__Book-", "v1.2_B", "sandbox/shop-1/order-book:v1.2_b-k"),
        ("__", "v", "sandbox/shop-1/x:v-k"),
    ],
)
def test_names_are_names_that_engines_take(service: str, version: str, tag: str) -> None:
    assert service_tag("shop-1", service, version, "k") == tag


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    assert key_of(["ab", "c"]) != key_of(["a", "bc"])
    assert key_of([None]) != key_of(["None"])
