"""Commands that start and end a project."""

from argparse import ArgumentParser

from sandbox.cli.grammar import Command, Group
from sandbox.cli.times import duration


def _up(parser: ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", metavar="PATH", help="an app's folder, or the name of a sample app")
    parser.add_argument(
        "--profile", dest="profiles", action="append", default=[], metavar="NAME", help="settings to lay over the file"
    )
    parser.add_argument(
        "--runtime",
        choices=("auto", "process", "docker"),
        default=None,
        help="how services run (default: as the file and profiles say)",
    )
    parser.add_argument(
        "-d", "--detach", action="store_true", help="return once every service is healthy, and leave it running"
    )
    parser.add_argument(
        "--no-tui", action="store_true", help="print progress instead of opening the cockpit; Ctrl-C stops the project"
    )
    parser.add_argument("--no-watch", action="store_true", help="do not reload services when their files are saved")
    parser.add_argument(
        "--timeout",
        type=duration,
        default=120.0,
        metavar="TIME",
        help="give up when services are not healthy by then (default: 120s)",
    )


def _down(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--purge",
        action="store_true",
        help="also forget all that is kept of it (ports, logs, numbers, traces, events, silences, installed "
        "dependencies, what was changed by `sandbox traffic` and its history), and remove its images and volumes",
    )


GROUP = Group(
    "Run",
    (
        Command(
            "up",
            "start an app folder or a sample app",
            "sandbox.cli.up:run",
            _up,
            ("sandbox up bakery", "sandbox up ./my-app -d", "sandbox up --profile lite --timeout 30s"),
        ),
        Command(
            "down",
            "stop everything, leave nothing behind",
            "sandbox.cli.down:run",
            _down,
            ("sandbox down", "sandbox down --project bakery --purge"),
        ),
    ),
)
