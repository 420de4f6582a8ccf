"""What is added to a Dockerfile, and where. No engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runtime.docker.builds.equip import Equipped, equip
from sandbox.runtime.docker.builds.syntax import final_line, images, instructions, stages
from sandbox.runtime.docker.builds.transfer import Transfer

TRANSFER = Transfer(
    proxies={"HTTPS_PROXY": "http://p:1"}, variables={"PIP_INDEX_URL": "https://i", "PIP_CERT": "/c"}, files={"c": b""}
)
TWO = "FROM a AS build\nRUN one\nFROM b\nRUN two\n"
ADDED = (
    'LABEL dev.sandbox.image.stage="0" k="v"\nCOPY --from=files:1 / /run/sandbox-build/\nARG PIP_CERT PIP_INDEX_URL\n'
)


def equipped(
    text: str, *, target: str | None = None, given: dict[str, str] | None = None, transfer: Transfer = TRANSFER
) -> Equipped:
    return equip(text, given=given or {}, target=target, transfer=transfer, files_image="files:1", labels={"k": "v"})


def test_only_stages_that_do_not_become_the_image_are_equipped() -> None:
    found = equipped(TWO)
    assert found.text == f"FROM a AS build\n{ADDED}RUN one\nFROM b\nRUN two\n"
    assert found.arguments == {"HTTPS_PROXY": "http://p:1", **TRANSFER.variables}
    assert found.files_image == "files:1"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("FROM a\nRUN x\n", None),
        ("FROM a AS one\nRUN x\nFROM one\nRUN y\n", None),
        ("FROM a AS One\nFROM one AS two\nFROM TWO\n", None),
        ("ARG B=one\nFROM a AS one\nFROM $B\n", None),
        (TWO, "build"),
        (TWO, "0"),
        ("FROM a AS one\nRUN x\nFROM b\nCOPY --from=one / /\n", None),
        ('FROM a\nRUN x\nFROM b\nCOPY --chown=1:1 --from=0 ["/", "/x"]\n', None),
        ("FROM a AS one\nRUN x\nFROM b\nCOPY --from=one /app /* /x/\n", None),
        ("FROM a AS one\nFROM b AS two\nCOPY --from=ONE /run /run\nFROM c\nCOPY --from=two . /\n", None),
    ],
)
def test_nothing_private_goes_to_stages_that_do(text: str, target: str | None) -> None:
    found = equipped(text, target=target)
    assert found.arguments == {"HTTPS_PROXY": "http://p:1"} or target is not None
    first = found.text.partition("FROM b")[0]
    assert "ARG PIP" not in first
    assert "LABEL" not in first


def test_what_the_final_stage_asks_for_is_withheld() -> None:
    found = equipped("FROM a AS build\nFROM b\nARG PIP_INDEX_URL=none OTHER\n")
    assert found.withheld == ("PIP_INDEX_URL",)
    assert found.arguments == {"HTTPS_PROXY": "http://p:1", "PIP_CERT": "/c"}


def test_the_projects_own_arguments_win_and_are_its_own_affair() -> None:
    found = equipped("FROM a AS build\nFROM b\nARG PIP_INDEX_URL\n", given={"PIP_INDEX_URL": "mine", "X": "1"})
    assert found.withheld == ()
    assert found.arguments["PIP_INDEX_URL"] == "mine"
    assert found.arguments["X"] == "1"
    assert "ARG PIP_CERT\n" in found.text


def test_without_anything_to_hand_on_only_the_mark_is_added() -> None:
    found = equip(TWO, given={}, target=None, transfer=Transfer(), files_image=None, labels={"k": "v"})
    assert found.text == TWO.replace("build\n", 'build\nLABEL dev.sandbox.image.stage="0" k="v"\n', 1)


def test_a_dockerfile_with_every_trick() -> None:
    text = """# escape=`
# FROM nobody

ARG BASE=alpine
ARG KIND="slim"
FROM --platform=linux/amd64 ${BASE}:${TAG:-3}-$KIND as First
RUN echo `
    # a comment in between
    FROM not-a-stage `
    && true
from first
COPY --from=first /x /y
"""
    assert [one.text.split()[0] for one in instructions(text)] == ["ARG", "ARG", "FROM", "RUN", "from", "COPY"]
    found = stages(text, {"BASE": "debian", "UNKNOWN": "x"})
    assert [(one.name, one.base, one.end) for one in found] == [("first", "debian:3-slim", 6), (None, "first", 11)]
    assert images(found) == ("debian:3-slim",)
    assert final_line(found, None) == {0, 1}


def test_scratch_is_no_image_and_stages_are_none() -> None:
    assert images(stages("FROM scratch AS a\nFROM a\nFROM x\n", {})) == ("x",)


@given(st.text(alphabet=st.sampled_from(list("FROM asARG=\\#`${}:-\n \"'x")), max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    found = equipped(text)
    added = (*ADDED.splitlines(), "LABEL dev.sandbox.image.stage=")
    assert [line for line in found.text.splitlines() if not line.startswith(added)] == text.splitlines()
