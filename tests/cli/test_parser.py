"""Words in, a command and its options out; and help for a person in a hurry."""

from __future__ import annotations

from argparse import Namespace

import pytest

from sandbox.cli.commands import GROUPS
from sandbox.cli.parser import COMMANDS, command_parser, overview, parse
from sandbox.errors import UsageError


def options(*argv: str) -> Namespace:
    parsed = parse(argv)
    assert parsed is not None
    return parsed[1]


def refusal(*argv: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(argv)
    return caught.value


def test_up_without_options() -> None:
    up = options("up")

    assert (up.path, up.files, up.profiles, up.runtime, up.detach, up.timeout) == (None, [], [], None, False, 120.0)


def test_up_with_everything() -> None:
    words = "up bakery -f a.yaml -f b.yaml --profile lite --profile mine --runtime process -d --no-tui --no-watch"
    up = options(*words.split(), "--timeout", "1m30s", "--project", "other")

    assert (up.path, up.files, up.profiles) == ("bakery", ["a.yaml", "b.yaml"], ["lite", "mine"])
    assert (up.runtime, up.detach, up.no_tui, up.no_watch) == ("process", True, True, True)
    assert (up.timeout, up.project) == (90.0, "other")


def test_project_options_may_stand_before_the_command() -> None:
    ps = options("-f", "a.yaml", "--project", "bakery", "ps", "-f", "b.yaml")

    assert (ps.files, ps.project) == (["a.yaml", "b.yaml"], "bakery")


def test_the_nearer_project_wins() -> None:
    assert options("--project", "one", "ps", "--project", "two").project == "two"


def test_follow_and_file_do_not_clash_in_logs() -> None:
    logs = options("-f", "a.yaml", "logs", "-f", "orders", "--file", "b.yaml")

    assert (logs.follow, logs.files, logs.services) == (True, ["a.yaml", "b.yaml"], ["orders"])


def test_exec_leaves_the_command_alone() -> None:
    wish = options("exec", "--project", "bakery", "orders", "--", "ls", "-la", "--project", "x")

    assert wish.target == "orders"
    assert [word for word in wish.argv if word != "--"] == ["ls", "-la", "--project", "x"]
    assert wish.project == "bakery"


def test_no_command() -> None:
    assert parse([]) is None


@pytest.mark.parametrize(
    ("typed", "meant"), [("upp", "up"), ("log", "logs"), ("restrat", "restart"), ("docter", "doctor")]
)
def test_an_unknown_command_names_the_nearest(typed: str, meant: str) -> None:
    assert f"`sandbox {meant}`" in refusal(typed).hint


def test_a_wild_command_points_to_the_help() -> None:
    assert refusal("xyzzy").hint == "see `sandbox --help`"


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["ps", "-o", "xml"], "xml"),
        (["up", "--timeout", "soon"], "soon"),
        (["logs", "--tail", "-3"], "-3"),
        (["logs", "--since", "yesterday"], "yesterday"),
        (["scale"], "SERVICE=N"),
        (["ps", "--al"], "--al"),
        (["--frob", "ps"], "--frob"),
        (["down", "now"], "now"),
    ],
)
def test_bad_usage_names_what_was_typed(argv: list[str], what: str) -> None:
    error = refusal(*argv)

    assert what in error.message
    assert "--help`" in error.hint


def test_the_overview_lists_every_command_once_under_its_group() -> None:
    text = overview()

    for group in GROUPS:
        assert f"\n{group.title}:\n" in text
    for name in COMMANDS:
        assert text.count(f"\n  {name} ") == 1


def test_the_overview_is_short() -> None:
    lines = overview().splitlines()

    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_has_help_and_its_examples_parse(command: object) -> None:
    name = command.name  # type: ignore[attr-defined]
    text = command_parser(COMMANDS[name]).format_help()

    assert text.startswith(f"usage: sandbox {name}")
    for example in COMMANDS[name].examples:
        assert example in text


@pytest.mark.parametrize("command", ["logs", "events"])
def test_a_file_behind_the_f_of_follow_is_explained(command: str) -> None:
    error = refusal(command, "-f", "shop/sandbox.yaml")

    assert error.message == "shop/sandbox.yaml is taken for a service, because -f means --follow here"
    assert error.hint == f"name the file with --file: sandbox {command} --file shop/sandbox.yaml"
