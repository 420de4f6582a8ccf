"""Commands about what is wrong, and the traffic that shows it."""

from argparse import ArgumentParser

from sandbox.cli.commands.traces import TAP, TRACE
from sandbox.cli.grammar import Command, Group, output_option
from sandbox.cli.times import duration


def _why(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", metavar="SERVICE|TRACE|URL", help="a service, a trace id or a URL (default: all)"
    )
    output_option("table", "json")(parser)


def _alerts(parser: ArgumentParser) -> None:
    parser.add_argument("--resolved", action="store_true", help="also those of the last hour that are over")
    parser.add_argument("--silence", metavar="RULE", help="tell nobody of an alert, for as long as --for says")
    parser.add_argument("--subject", metavar="SUBJECT", help="silence it for this service, instance or edge only")
    parser.add_argument(
        "--for", dest="seconds", type=duration, default=3600.0, metavar="TIME", help="default: 1h; 0 ends a silence"
    )
    output_option("table", "json")(parser)


def _load(parser: ArgumentParser) -> None:
    parser.add_argument("services", nargs="?", metavar="SERVICE", help="whom to ask")
    parser.add_argument("--rps", type=float, default=10.0, metavar="N", help="requests a second (default: 10)")
    parser.add_argument(
        "--for", dest="seconds", type=duration, default=60.0, metavar="TIME", help="how long (default: 60s)"
    )
    parser.add_argument("--path", default=None, metavar="PATH", help="default: /")
    parser.add_argument("--method", default=None, metavar="METHOD", help="default: GET, or POST with --body")
    parser.add_argument(
        "-H", "--header", dest="headers", action="append", default=[], metavar="'NAME: VALUE'", help="repeatable"
    )
    parser.add_argument("--body", default="", metavar="TEXT", help="what is sent; @FILE for a file's content")
    parser.add_argument(
        "--concurrency", type=int, default=32, metavar="N", help="requests under way at a time (default: 32)"
    )
    parser.add_argument(
        "--timeout", type=duration, default=10.0, metavar="TIME", help="give up on an answer after (default: 10s)"
    )
    parser.add_argument(
        "--from", dest="caller", metavar="CALLER", help="as this service calls it (default: from outside)"
    )
    parser.add_argument("--trickle", choices=("on", "off"), help="switch the low background traffic on or off")
    output_option("table", "json")(parser)


GROUP = Group(
    "Explain",
    (
        Command(
            "why",
            "why something is wrong: the deepest cause and the next step",
            "sandbox.cli.why:run",
            _why,
            ("sandbox why", "sandbox why storefront", "sandbox why http://storefront.localhost:8080/buns"),
        ),
        Command(
            "alerts",
            "what is wrong now, by rules; silence what is known",
            "sandbox.cli.alerts:run",
            _alerts,
            ("sandbox alerts --resolved", "sandbox alerts --silence error_ratio --subject pantry --for 1h"),
        ),
        Command(
            "load",
            "steady traffic to a service, with a summary",
            "sandbox.cli.load:run",
            _load,
            (
                "sandbox load storefront --rps 20 --for 30s",
                "sandbox load orders --path /orders --method POST",
                "sandbox load --trickle on",
            ),
        ),
        TRACE,
        TAP,
    ),
)
