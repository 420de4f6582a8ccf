"""Commands that change what runs."""

from argparse import REMAINDER, ArgumentParser

from sandbox.cli.commands.traffic import TRAFFIC
from sandbox.cli.grammar import Command, Group, output_option, services_argument
from sandbox.cli.times import duration


def _scale(parser: ArgumentParser) -> None:
    parser.add_argument("wishes", nargs="+", metavar="SERVICE=N", help="or SERVICE@VERSION=N for one version of it")


def _exec(parser: ArgumentParser) -> None:
    parser.add_argument("target", metavar="SERVICE", help="a service (its first running instance) or an instance")
    parser.add_argument("argv", nargs=REMAINDER, metavar="-- COMMAND", help="what to run there")


def _reload(parser: ArgumentParser) -> None:
    parser.add_argument("services", nargs="*", metavar="SERVICE[@VERSION]", help="only these (default: all that run)")
    parser.add_argument("--timeout", type=duration, default=120.0, metavar="TIME", help="at most (default: 120s)")
    output_option("table", "json")(parser)


def _watch(parser: ArgumentParser) -> None:
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument(
        "--pause", dest="wish", action="store_const", const=False, help="hold back what is saved from now on"
    )
    wish.add_argument(
        "--resume", dest="wish", action="store_const", const=True, help="apply what was held back, and go on"
    )
    output_option("table", "json")(parser)


GROUP = Group(
    "Steer",
    (
        Command(
            "restart",
            "start services anew",
            "sandbox.cli.lifecycle:restart",
            services_argument,
            ("sandbox restart orders", "sandbox restart"),
        ),
        Command(
            "reload",
            "start new instances beside the old, as a save does",
            "sandbox.cli.reload:run",
            _reload,
            ("sandbox reload orders", "sandbox reload steamer@v2 --timeout 30s"),
        ),
        Command(
            "watch",
            "show, pause or resume reloading by saves",
            "sandbox.cli.watch:run",
            _watch,
            ("sandbox watch", "sandbox watch --pause", "sandbox watch --resume"),
        ),
        Command(
            "stop",
            "stop services, keep the rest running",
            "sandbox.cli.lifecycle:stop",
            services_argument,
            ("sandbox stop mill", "sandbox stop mill pantry"),
        ),
        Command(
            "start",
            "start stopped services",
            "sandbox.cli.lifecycle:start",
            services_argument,
            ("sandbox start mill", "sandbox start"),
        ),
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
        TRAFFIC,
    ),
)
