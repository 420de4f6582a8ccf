"""Commands that show what happens and change nothing."""

from argparse import ArgumentParser, ArgumentTypeError

from sandbox.cli.grammar import Command, Group, output_option, services_argument
from sandbox.cli.times import duration, moment

_LEVELS = ("trace", "debug", "info", "warning", "error", "fatal")


def _ps(parser: ArgumentParser) -> None:
    parser.add_argument("-a", "--all", action="store_true", help="also show each instance")
    output_option("table", "json", "yaml")(parser)


def _logs(parser: ArgumentParser) -> None:
    services_argument(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="keep printing new lines until interrupted")
    parser.add_argument("-n", "--tail", type=_line_count, default=None, metavar="N", help="only the newest N lines")
    parser.add_argument("--since", type=moment, metavar="TIME", help="only lines since then: 5m, 2026-01-31T12:00:00Z")
    parser.add_argument("--until", type=moment, metavar="TIME", help="only lines until then")
    parser.add_argument(
        "--level",
        type=_level,
        metavar="LEVEL",
        help="only lines of this level or worse: trace, debug, info, warning, …",
    )
    parser.add_argument("--grep", metavar="REGEX", help="only lines in which it is found (RE2; (?i) for any case)")
    parser.add_argument("--trace", metavar="ID", help="only lines of this trace; its first digits do")
    parser.add_argument(
        "--instance", dest="instances", action="append", default=[], metavar="ID", help="only this one's"
    )
    parser.add_argument("-t", "--timestamps", action="store_true", help="put the time in front of each line")
    parser.add_argument("--counts", action="store_true", help="what became of all that was written")
    parser.add_argument("--raw", action="store_true", help="JSON lines as they were written")
    output_option("table", "json")(parser)


def _level(text: str) -> str:
    level = {"warn": "warning", "err": "error", "critical": "fatal", "crit": "fatal"}.get(text.lower(), text.lower())
    if level not in _LEVELS:
        raise ArgumentTypeError(f"{text!r} is no level: {', '.join(_LEVELS)}")
    return level


def _events(parser: ArgumentParser) -> None:
    services_argument(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="keep printing new ones until interrupted")
    parser.add_argument("-n", "--tail", type=_line_count, default=None, metavar="N", help="only the newest N")
    parser.add_argument("--since", type=moment, metavar="TIME", help="only what happened since then: 5m, 2026-01-31")
    parser.add_argument(
        "--kind",
        dest="kinds",
        action="append",
        default=[],
        metavar="KIND",
        help="only these: alert, fault, instance, policy, project, proxy, service, … or a whole word of -o json",
    )
    output_option("table", "json")(parser)


def _line_count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is no number of lines: 0 or more")
    return int(text)


def _stat(parser: ArgumentParser) -> None:
    services_argument(parser)
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument("-e", "--edges", action="store_true", help="a row for each caller and version of a service")
    rows.add_argument(
        "-r", "--routes", action="store_true", help="a row for each rule that led on what came from outside"
    )
    parser.add_argument("-w", "--watch", action="store_true", help="print it anew every 2 seconds until interrupted")
    output_option("table", "json")(parser)


def _top(parser: ArgumentParser) -> None:
    services_argument(parser)
    parser.add_argument("-w", "--watch", action="store_true", help="print it anew every 2 seconds until interrupted")
    parser.add_argument("--sort", choices=("name", "cpu", "memory"), default="cpu", help="what comes first")
    output_option("table", "json")(parser)


def _edges(parser: ArgumentParser) -> None:
    parser.add_argument("-u", "--undeclared", action="store_true", help="only calls that nobody declared")
    output_option("table", "dot", "mermaid", "svg", "json")(parser)


def _wait(parser: ArgumentParser) -> None:
    services_argument(parser)
    parser.add_argument(
        "--for", dest="goal", choices=("healthy", "stopped"), default="healthy", help="the status to wait for"
    )
    parser.add_argument("--timeout", type=duration, default=120.0, metavar="TIME", help="at most (default: 120s)")


def _open(parser: ArgumentParser) -> None:
    parser.add_argument("service", nargs="?", metavar="SERVICE", help="a public service, instead of the cockpit")
    parser.add_argument("--page", action="store_true", help="the plain page: the graph and charts, nothing to drive")
    parser.add_argument("--look", action="store_true", help="a link for an audience: whoever opens it changes nothing")
    parser.add_argument("--print", dest="only_print", action="store_true", help="print the link, open nothing")


def _report(parser: ArgumentParser) -> None:
    parser.add_argument("--to", metavar="FILE", default=None, help="default: PROJECT-DATE-TIME.html in this folder")
    parser.add_argument(
        "--span", type=duration, default=900.0, metavar="TIME", help="how far it looks back (default: 15m)"
    )


def _screenshot(parser: ArgumentParser) -> None:
    parser.add_argument("--screen", choices=SCREENS, default="overview", help="which one (default: overview)")
    parser.add_argument("--service", metavar="SERVICE", default=None, help="the charts of a service instead")
    parser.add_argument("--to", metavar="FILE", default=None, help="FILE.svg or FILE.png (default: sandbox-SCREEN.svg)")
    parser.add_argument("--png", action="store_true", help="pixels instead of SVG, for where that can't be shown")
    parser.add_argument("--size", default="120x36", metavar="COLSxLINES", help="of the terminal (default: 120x36)")


SCREENS = ("overview", "map", "traffic", "traces", "logs", "alerts", "events", "doctor")

GROUP = Group(
    "Look",
    (
        Command(
            "attach",
            "open the cockpit on a project that runs",
            "sandbox.cli.cockpit:attach",
            examples=("sandbox attach", "sandbox attach --project bakery"),
        ),
        Command("ps", "what runs, how it is, where to open it", "sandbox.cli.ps:run", _ps, ("sandbox ps -a",)),
        Command(
            "logs",
            "what services print",
            "sandbox.cli.logs:run",
            _logs,
            (
                "sandbox logs -f",
                "sandbox logs orders --tail 50 -t",
                "sandbox logs --since 5m --level warning -o json",
                "sandbox logs --grep 'order [0-9]+' --trace 4bf92f35",
            ),
            follows=True,
        ),
        Command(
            "events",
            "what happened: saves, policies, faults, alerts, failures",
            "sandbox.cli.events:run",
            _events,
            ("sandbox events -n 20", "sandbox events -f orders", "sandbox events --since 10m --kind fault,alert"),
            follows=True,
        ),
        Command(
            "open",
            "open the cockpit, or a service, in a browser",
            "sandbox.cli.open:run",
            _open,
            ("sandbox open", "sandbox open --look --print", "sandbox open storefront"),
        ),
        Command(
            "report",
            "write the last minutes into one HTML file",
            "sandbox.cli.reporting:run",
            _report,
            ("sandbox report", "sandbox report --span 1h --to incident.html"),
        ),
        Command(
            "stat",
            "requests, errors and latencies of the last seconds",
            "sandbox.cli.stat:run",
            _stat,
            ("sandbox stat", "sandbox stat -e orders", "sandbox stat --routes", "sandbox stat --watch"),
        ),
        Command(
            "top",
            "what instances use: CPU, memory, open files",
            "sandbox.cli.top:run",
            _top,
            ("sandbox top", "sandbox top --sort memory", "sandbox top -w orders"),
        ),
        Command(
            "edges",
            "who calls whom, declared or not, and how that goes",
            "sandbox.cli.edges:run",
            _edges,
            ("sandbox edges", "sandbox edges --undeclared", "sandbox edges -o mermaid"),
        ),
        Command(
            "screenshot",
            "write a picture of one of the cockpit's screens",
            "sandbox.cli.cockpit:screenshot",
            _screenshot,
            (
                "sandbox screenshot --screen map",
                "sandbox screenshot --screen map --png",
                "sandbox screenshot --service orders --size 100x30 --to orders.svg",
            ),
        ),
        Command(
            "wait",
            "return when services are healthy",
            "sandbox.cli.wait:run",
            _wait,
            ("sandbox wait", "sandbox wait orders --timeout 30s"),
        ),
    ),
)
