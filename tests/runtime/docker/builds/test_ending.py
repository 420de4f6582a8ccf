"""What the last instructions of a Dockerfile do with the context, as far as that is certain. No engine."""

from __future__ import annotations

import pytest

from sandbox.runtime.docker.builds.ending import Ending, Step, base, cleaned, ending


def read(text: str, workdir: str = "/app", target: str | None = None) -> Ending | None:
    return ending(text, {}, target, workdir)


def steps(text: str, workdir: str = "/app") -> list[tuple[str | None, str, bool | None, str]]:
    found = read(text, workdir)
    assert found is not None
    return [(step.source, step.target, step.inside, step.owner) for step in found.steps]


def test_what_most_dockerfiles_are_like() -> None:
    text = (
        "# syntax=docker/dockerfile:1\nFROM python:3.12-slim AS base\nWORKDIR /app\nCOPY requirements.txt .\n"
        "RUN pip install \\\n    -r requirements.txt\n\n# the code\nCOPY . .\nEXPOSE 8000\nUSER app\n"
        'CMD ["python", "app.py"]\n'
    )
    assert read(text) == Ending(steps=(Step(source="", target="/app", inside=True),), elsewhere=("requirements.txt",))


def test_the_generated_one() -> None:
    text = 'FROM dependencies:1\nCOPY --chown=65532:65532 . .\nUSER 65532:65532\nCMD ["python", "app.py"]\n'
    assert steps(text) == [("", "/app", None, "65532:65532")]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("COPY src/ lib ./\n", [("src", "/app", True, "0:0"), ("lib", "/app", True, "0:0")]),
        ("COPY a /etc/a\n", [("a", "/etc/a", None, "0:0")]),
        ("COPY a /\n", [("a", "/", True, "0:0")]),
        ("COPY /a ../b//c/\n", [("a", "/b/c", True, "0:0")]),
        ('copy --chown=a:b ["x y", "/z/"]\n', [("x y", "/z", True, "a:b")]),
        ("WORKDIR /srv\nCOPY a .\nWORKDIR deep\nCOPY a .\n", [("a", "/srv", True, "0:0"), ("a", "/app", True, "0:0")]),
        ("WORKDIR $X\nCOPY a .\n", [("a", "/app", True, "0:0")]),
        ("COPY a .\n", [("a", "/app", None, "0:0")]),
        ("COPY --from=x $S /venv\nCOPY a b/\n", [(None, "/venv", None, "0:0"), ("a", "/app/b", True, "0:0")]),
        ("ADD a /a\nRUN make\n", []),
    ],
)
def test_sources_and_where_they_go(lines: str, expected: list[tuple[str | None, str, bool | None, str]]) -> None:
    assert steps(f"FROM x\n{lines}") == expected


@pytest.mark.parametrize(
    "lines",
    [
        "ONBUILD COPY . .\n",
        "RUN --mount=type=bind,target=/src make\n",
        "COPY --chmod=755 . .\n",
        "COPY --parents a b /\n",
        "COPY --chown=$USER . .\n",
        "COPY $FILES /app/\n",
        "COPY . $APP\n",
        'COPY "a b" /app/\n',
        "COPY a\\ b /app/\n",
        "COPY <<EOF /app/x\n",
        "RUN <<EOF\nCOPY . .\nEOF\n",
        "COPY ${FILES} /x\nRUN make\n",
        "COPY --exclude=*.md . /x\nRUN make\n",
        "WORKDIR $X\nCOPY a b\nWORKDIR /y\n",
        "COPY a b\nWORKDIR /y\n",
        "COPY alone\n",
        'COPY ["a", 1]\n',
        'COPY ["a"\n',
    ],
)
def test_what_is_not_certain(lines: str) -> None:
    assert read(f"FROM x\n{lines}") is None


def test_no_dockerfile_at_all() -> None:
    assert read("") is None
    assert read("# nothing\n") is None


@pytest.mark.parametrize(
    ("text", "elsewhere"),
    [
        ("FROM x\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\n", ("package*.json",)),
        ("FROM x\nCOPY . .\nRUN npm run build\n", ("",)),
        ("FROM x\nADD . .\n", ("",)),
        ("FROM x\nCOPY *.py ./\nCOPY conf /etc/conf/\n", ("*.py",)),
        ("FROM x AS build\nCOPY web ./\nRUN make\nFROM y\nCOPY --from=build /out /out\nCOPY app ./\n", ("web",)),
        ("FROM x AS deps\nCOPY lock ./\nRUN install\nFROM deps\nCOPY . .\n", ("lock",)),
        ("FROM x\nCOPY a /a\nFROM y\nCOPY b /b\n", ("a",)),
    ],
)
def test_what_other_instructions_take_from_the_context(text: str, elsewhere: tuple[str, ...]) -> None:
    found = read(text)
    assert found is not None
    assert found.elsewhere == elsewhere


def test_a_wildcard_that_comes_last_may_bring_anything_to_its_target() -> None:
    assert steps("FROM x\nCOPY . .\nCOPY *.toml ./\n")[1] == (None, "/app", True, "0:0")


def test_the_stages_that_an_image_comes_from() -> None:
    text = "ARG V=1\nFROM py:$V AS one\nCOPY a /a\nFROM one AS two\nCOPY b /b\nFROM scratch\nCOPY c /c\n"
    found = read(text, target="two")
    assert found is not None
    assert [step.target for step in found.steps] == ["/a", "/b"]
    assert found.elsewhere == ("c",)
    assert base(text, {"V": "2"}, "two") == "py:2"
    assert base(text, {}, None) is None


@pytest.mark.parametrize(
    ("source", "expected"), [(".", ""), ("./", ""), ("/", ""), ("a/../b/", "b"), ("//a", "a"), ("../a", "a")]
)
def test_sources_start_at_the_context(source: str, expected: str) -> None:
    assert cleaned(source) == expected
