"""Options of the commands about single requests."""

from argparse import ArgumentParser, ArgumentTypeError

from sandbox.cli.grammar import Command, output_option
from sandbox.cli.times import duration, moment


def _trace(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="one trace, by its id or the beginning of it")
    parser.add_argument("--service", metavar="NAME", help="only traces that this service has a part in")
    parser.add_argument("--route", metavar="TEXT", help="only those whose first request has this in it: /api, POST")
    parser.add_argument("--status", type=_status, metavar="CODE", help="only those answered so: 503")
    parser.add_argument("--errors", action="store_true", help="only those in which something failed")
    parser.add_argument("--slow", action="store_true", help="the slowest first, instead of the newest")
    parser.add_argument("--min", type=duration, metavar="TIME", help="only those that took at least so long: 300ms")
    parser.add_argument("--attribute", metavar="KEY=VALUE", help="only those with a span that says so: version=v2")
    parser.add_argument("--since", type=moment, metavar="TIME", help="only those since then: 5m, 2026-01-31T12:00:00Z")
    parser.add_argument("--until", type=moment, metavar="TIME", help="only those until then")
    parser.add_argument("-n", "--limit", type=_count, default=20, metavar="N", help="at most so many (default: 20)")
    parser.add_argument(
        "--sample", type=_rate, metavar="N|all|off", help="from now on, begin so many traces a second, and stop"
    )
    output_option("table", "json")(parser)


def _tap(parser: ArgumentParser) -> None:
    parser.add_argument("service", nargs="?", metavar="SERVICE", help="only requests to this service")
    parser.add_argument("--from", dest="caller", metavar="NAME", help="only from this service, or from: gateway")
    parser.add_argument("--status", type=_class, metavar="CODE", help="only answers like 503, 5xx, or error")
    parser.add_argument("--path", metavar="TEXT", help="only paths with this in it")
    parser.add_argument("--method", metavar="NAME", help="only GET, POST, …")
    parser.add_argument("-n", "--count", type=_count, default=None, metavar="N", help="end after so many")
    parser.add_argument("--rate", type=_count, default=50, metavar="N", help="at most so many a second (default: 50)")
    output_option("table", "json")(parser)


def _status(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) == 3:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is no status of HTTP: 200, 503")


def _class(text: str) -> str:
    low = text.lower()
    if low == "error" or (len(low) == 3 and low[0] in "012345" and (low[1:] == "xx" or low[1:].isdigit())):
        return low
    raise ArgumentTypeError(f"{text!r} is none of 503, 5xx and error")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= 1000:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is no number from 1 to 1000")


def _rate(text: str) -> str:
    if text in ("all", "off") or (text.isascii() and text.isdigit() and int(text) <= 1000):
        return text
    raise ArgumentTypeError(f"{text!r} is none of all, off and a number up to 1000")


TRACE = Command(
    "trace",
    "the way single requests took, as a waterfall",
    "sandbox.cli.trace:run",
    _trace,
    ("sandbox trace", "sandbox trace 4bf92f", "sandbox trace --errors --since 5m", "sandbox trace --sample all"),
)

TAP = Command(
    "tap",
    "requests as they happen",
    "sandbox.cli.tap:run",
    _tap,
    ("sandbox tap", "sandbox tap pantry --from mill --status 5xx", "sandbox tap -n 10 -o json"),
)
