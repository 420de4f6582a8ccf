"""Commands that change what runs."""

from argparse import REMAINDER, ArgumentParser

from sandbox.cli.grammar import Command, Group, services_argument


def _scale(parser: ArgumentParser) -> None:
    parser.add_argument("wishes", nargs="+", metavar="SERVICE=N", help="or SERVICE@VERSION=N for one version of it")


def _exec(parser: ArgumentParser) -> None:
    parser.add_argument("target", metavar="SERVICE", help="a service (its first running instance) or an instance")
    parser.add_argument("argv", nargs=REMAINDER, metavar="-- COMMAND", help="what to run there")


GROUP = Group(
    "Steer",
    (
        Command("restart", "start services anew", "sandbox.cli.lifecycle:restart", services_argument),
        Command("stop", "stop services, keep the rest running", "sandbox.cli.lifecycle:stop", services_argument),
        Command("start", "start stopped services", "sandbox.cli.lifecycle:start", services_argument),
        Command(
            "scale",
            "run more or fewer instances of a service",
            "sandbox.cli.lifecycle:scale",
            _scale,
            ("sandbox scale orders=3", "sandbox scale steamer@v2=2 orders=1"),
        ),
        Command(
            "exec",
            "run a command where a service runs",
            "sandbox.cli.exec:run",
            _exec,
            ("sandbox exec orders -- env", "sandbox exec orders-v1-1 -- sh"),
        ),
    ),
)
