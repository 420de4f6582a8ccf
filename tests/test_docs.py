"""What the documents say is so: commands and options exist, links lead somewhere, examples are valid."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cli.main import main
from sandbox.cli.parser import COMMANDS, command_parser, parse

CHECKOUT = Path(__file__).parent.parent
README = CHECKOUT / "README.md"
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "sandbox/**/*.md", "sample-apps/**/*.md", "profiles/**/*.md")
    for path in CHECKOUT.glob(pattern)
    if not {"node_modules", ".venv"} & set(path.parts)
)

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))


def blocks(document: Path, language: str) -> list[str]:
    """Fenced code, also where it is indented under a list item."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", document.read_text(), re.MULTILINE | re.DOTALL)


def shell_commands(document: Path, program: str) -> Iterator[list[str]]:
    """Words of each line of shell that starts `program`, and of each such `code span`."""
    lines = [line.strip() for block in blocks(document, "sh") for line in block.splitlines()]
    spans = re.findall(
        r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    )
    for text in (*lines, *spans):
        for command in re.split(r"&&|\||;", text):
            if command.strip().startswith(f"{program} "):
                yield shlex.split(command, comments=True)


@every_document
def test_every_command_in_it_is_understood(document: Path) -> None:
    for _, *words in shell_commands(document, "sandbox"):
        if len(words) == 1:
            assert words[0] in {*COMMANDS, "--help", "--version", "…"}
        elif "…" not in words:
            assert parse(words) is not None


@every_document
def test_every_option_of_install_sh_in_it_exists(document: Path) -> None:
    usage = subprocess.run([CHECKOUT / "install.sh", "--help"], capture_output=True, text=True, check=True).stdout
    for words in shell_commands(document, "./install.sh"):
        assert f"  {words[1]} " in usage


@every_document
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(document: Path) -> set[str]:
    """Of its headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_its_lines_are_not_too_long(document: Path) -> None:
    """Tables and links aside, so that changes can be read as differences."""
    for number, line in enumerate(document.read_text().splitlines(), 1):
        assert len(line) <= 140 or line.lstrip().startswith("|"), f"line {number}"


@pytest.mark.parametrize("document", [README], ids=["README.md"])
def test_its_configuration_is_valid(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path / "home"))
    for number, text in enumerate(blocks(document, "yaml")):
        root = tmp_path / str(number)
        root.mkdir()
        for folder in re.findall(r"build: \./([\w-]+)", text):
            (root / folder).mkdir()
        (root / "sandbox.yaml").write_text(text)

        assert main(["config", str(root)]) == 0, capsys.readouterr().err


def test_the_readme_names_every_command() -> None:
    named = {words[1] for words in shell_commands(README, "sandbox")}

    assert set(COMMANDS) <= named


def test_the_readmes_first_screen_is_the_two_commands() -> None:
    first_screen = README.read_text().splitlines()[:24]

    assert [line.split("#")[0].strip() for line in first_screen if line.startswith("./install.sh")] == [
        "./install.sh --demo",
        "./install.sh --test",
    ]


ALL = {command.name: command for one in COMMANDS.values() for command in (one, *one.parts)}


def test_every_command_has_an_example() -> None:
    assert [name for name, command in ALL.items() if not command.examples] == []


@pytest.mark.parametrize("name", ALL)
def test_examples_in_help_are_understood(name: str) -> None:
    for example in ALL[name].examples:
        words = re.findall(r"sandbox ([^|)]+)", example)[0]
        parsed = parse(shlex.split(words))
        assert parsed is not None
        assert parsed[0].name.startswith(name)
        assert command_parser(ALL[name]).format_help()
