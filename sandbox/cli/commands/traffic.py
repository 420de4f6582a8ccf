"""Steering requests: `sandbox traffic …`."""

from argparse import REMAINDER, ArgumentParser, ArgumentTypeError
from collections.abc import Callable

from sandbox.cli.grammar import Command, output_option
from sandbox.cli.times import duration

_CHANGE = "sandbox.cli.traffic.change"
_CLEARABLE = (
    *("all", "split", "route", "fault", "timeout", "retry", "limit", "mirror", "allow", "deny"),
    *("connectionPool", "outlierDetection", "loadBalancer", "sessionPersistence", "rateLimit", "concurrency"),
)


def _get(parser: ArgumentParser) -> None:
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="only these services (default: all)")
    output_option("table", "json", "yaml")(parser)


def _matchers(parser: ArgumentParser) -> None:
    """Which requests; the same everywhere."""
    group = parser.add_argument_group("which requests", "All conditions must hold; none means every request.")
    group.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="NAME=VALUE, NAME~REGEX, or NAME alone; repeatable",
    )
    group.add_argument(
        "--query", action="append", default=[], metavar="NAME=VALUE", help="of the query, as --header; repeatable"
    )
    group.add_argument("--path", metavar="PATH", help="/a and what is below it; =/a exactly; ~REGEX")
    group.add_argument("--method", metavar="METHOD", help="such as GET")
    group.add_argument(
        "--from", dest="callers", action="append", default=[], metavar="SERVICE", help="who calls; repeatable"
    )


def _saying(parser: ArgumentParser) -> None:
    """How a change is made, and told."""
    parser.add_argument("--why", default="", metavar="TEXT", help="kept in the history")
    _dry_run(parser)
    _depending(parser)
    output_option("table", "json")(parser)


def _dry_run(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")


def _depending(parser: ArgumentParser) -> None:
    parser.add_argument("--if-revision", type=int, metavar="N", help="only when this revision is in force")


def _short(*arguments: Callable[[ArgumentParser], None], matches: bool = True) -> Callable[[ArgumentParser], None]:
    """SERVICE, what the short form takes, and what all of them take."""

    def configure(parser: ArgumentParser) -> None:
        parser.add_argument("service", metavar="SERVICE")
        for argument in arguments:
            argument(parser)
        if matches:
            _matchers(parser)
        _saying(parser)

    return configure


def _weights(parser: ArgumentParser) -> None:
    parser.add_argument("weights", nargs="+", metavar="VERSION=WEIGHT", help="in proportion to their sum")


def _version(parser: ArgumentParser) -> None:
    parser.add_argument("version", metavar="VERSION", help="the version that gets the requests")


def percentage(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise ArgumentTypeError(f"{text!r} is no percentage: write a number from 0 to 100")
    return value


def _fault(parser: ArgumentParser) -> None:
    parser.add_argument("--delay", type=duration, metavar="TIME", help="hold requests back for so long")
    parser.add_argument("--abort", metavar="STATUS", help="answer at once: 503, grpc:14, or reset")
    parser.add_argument("--percent", type=percentage, metavar="N", help="of the requests (default: 100)")


def _timeout(parser: ArgumentParser) -> None:
    parser.add_argument("request", nargs="?", type=duration, metavar="TIME", help="the whole request, all attempts")
    parser.add_argument("--attempt", type=duration, metavar="TIME", help="one attempt")
    parser.add_argument("--idle", type=duration, metavar="TIME", help="without a byte in either direction")


def _retry(parser: ArgumentParser) -> None:
    parser.add_argument("attempts", type=int, metavar="N", help="how often to try again")
    parser.add_argument("--codes", metavar="503,504", help="answers to try again after")
    parser.add_argument("--on", metavar="CONDITION,…", help="Envoy's retry conditions")
    parser.add_argument(
        "--backoff", type=duration, metavar="TIME", help="the first pause is up to this, by lot; later ones grow"
    )
    parser.add_argument("--methods", metavar="POST,…", help="that may be sent again beside the idempotent ones")
    parser.add_argument("--hedge", action="store_true", help="begin the next try while a slow one goes on")


def _limit(parser: ArgumentParser) -> None:
    parser.add_argument("rate", nargs="?", metavar="N/TIME", help="100/1s, 10/m; beyond it requests get 429")
    parser.add_argument("--burst", type=int, metavar="N", help="so many at once (default: N of the rate)")
    parser.add_argument("--by", metavar="caller|HEADER", help="each caller, or each value of a header, by itself")
    parser.add_argument("--concurrency", type=int, metavar="N", help="requests at a time; beyond it they get 503")


def _mirror(parser: ArgumentParser) -> None:
    _version(parser)
    parser.add_argument("--percent", type=percentage, metavar="N", help="of the requests (default: 100)")


def _authorize(parser: ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", help="whom it is about, as the one that is called")
    parser.add_argument(
        "--from", dest="callers", action="append", default=[], metavar="SERVICE", help="who calls; repeatable"
    )
    parser.add_argument("--method", action="append", default=[], metavar="METHOD", help="such as GET; repeatable")
    parser.add_argument(
        "--path",
        action="append",
        default=[],
        metavar="PATH",
        help="/a is just that path, /a* all that begins so (not as with other changes); repeatable",
    )
    _saying(parser)


def _clear(parser: ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=_CLEARABLE,
        metavar="WHAT",
        help=f"{', '.join(_CLEARABLE[1:10])}, or a key beside the rules (default: all)",
    )
    _matchers(parser)
    _saying(parser)


def _set(parser: ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument("settings", nargs="+", metavar="KEY=VALUE", help="outlierDetection.consecutive5xxErrors=3")
    _saying(parser)


def _apply(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--policy",
        required=True,
        metavar="FILE",
        help="`traffic:` of a sandbox.yaml, or what is below it; - is stdin",
    )
    _saying(parser)


def _diff(parser: ArgumentParser) -> None:
    parser.add_argument("number", nargs="?", type=int, metavar="N", help="a revision (default: what the file says)")
    parser.add_argument("against", nargs="?", type=int, metavar="M", help="another one (default: what is in force)")
    output_option("table", "json")(parser)


def _history(parser: ArgumentParser) -> None:
    parser.add_argument("-n", "--limit", type=_count, default=20, metavar="N", help="the newest N (default: 20)")
    output_option("table", "json", "yaml")(parser)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1000):
        raise ArgumentTypeError(f"{text!r} is no number from 1 to 1000")
    return int(text)


def _rollback(parser: ArgumentParser) -> None:
    parser.add_argument("number", nargs="?", type=int, metavar="N", help="a revision (default: the one before)")
    parser.add_argument("--why", default="", metavar="TEXT", help="kept in the history")
    _dry_run(parser)
    _depending(parser)
    output_option("table", "json")(parser)


def _save(parser: ArgumentParser) -> None:
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="only these services (default: all)")
    output_option("table", "json")(parser)


def _try(parser: ArgumentParser) -> None:
    parser.add_argument("words", nargs=REMAINDER, metavar="FILE|CHANGE", help="a file as for apply, or a short form")
    parser.add_argument("--for", dest="seconds", type=duration, default=60.0, metavar="TIME", help="default: 60s")
    parser.add_argument("--end", action="store_true", help="end what is being tried now")
    parser.add_argument("--keep", action="store_true", help="keep what is being tried")
    parser.add_argument("-d", "--detach", action="store_true", help="return at once; it ends by itself all the same")
    parser.add_argument("--why", default="", metavar="TEXT", help="kept in the history")
    _dry_run(parser)
    _depending(parser)
    output_option("table", "json")(parser)


def _steps(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(step.removesuffix("%")) for step in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} are no steps: write percentages like 5,25,50,100") from None


def _ramp(parser: ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument("version", nargs="?", metavar="VERSION", help="the version that gets more and more")
    parser.add_argument("--steps", type=_steps, default=(5, 25, 50, 100), metavar="N,…", help="default: 5,25,50,100")
    parser.add_argument("--every", type=duration, default=30.0, metavar="TIME", help="length of a step (default: 30s)")
    parser.add_argument(
        "--abort-if", default="errors>1%", metavar="CONDITION", help="go back then: errors>1%%, p99>500ms, joined by or"
    )
    parser.add_argument("--end", action="store_true", help="end the ramp of the service now, and go back")
    parser.add_argument("-d", "--detach", action="store_true", help="return at once; it goes on all the same")
    parser.add_argument("--why", default="", metavar="TEXT", help="kept in the history")
    _depending(parser)
    _matchers(parser)
    output_option("table", "json")(parser)


def _explain(parser: ArgumentParser) -> None:
    parser.add_argument("request", metavar="'[METHOD] URL'", help="such as 'GET http://steamer/x'")
    parser.add_argument("--from", dest="caller", default="gateway", metavar="SERVICE", help="default: gateway")
    parser.add_argument(
        "-H", "--header", dest="headers", action="append", default=[], metavar="'NAME: VALUE'", help="repeatable"
    )
    output_option("table", "json", "yaml")(parser)


def _lint(parser: ArgumentParser) -> None:
    output_option("table", "json", "yaml")(parser)


def _part(
    name: str, summary: str, handler: str, configure: Callable[[ArgumentParser], None], *examples: str, f: bool = False
) -> Command:
    """f: `-f` is its own."""
    shown = tuple(f"sandbox traffic {example}" for example in examples)
    return Command(f"traffic {name}", summary, handler, configure, shown, follows=f)


PARTS = (
    _part("get", "the policies in force", "sandbox.cli.traffic.look:get", _get, "get", "get steamer -o yaml"),
    _part("split", "share requests among versions", f"{_CHANGE}:split", _short(_weights), "split steamer v1=90 v2=10"),
    _part(
        "route",
        "send some requests to a version",
        f"{_CHANGE}:route",
        _short(_version),
        "route steamer --header x-user=me v2",
        "route steamer v2 --path /steam --from orders",
    ),
    _part(
        "fault",
        "make a service slow or broken, on purpose",
        f"{_CHANGE}:fault",
        _short(_fault),
        "fault pantry --delay 2s --percent 50",
        "fault pantry --abort 503 --percent 10 --header x-user=me",
    ),
    _part(
        "timeout",
        "limit how long a request may take",
        f"{_CHANGE}:timeout",
        _short(_timeout),
        "timeout mill 2s --attempt 500ms",
    ),
    _part(
        "retry",
        "try again what failed",
        f"{_CHANGE}:retry",
        _short(_retry),
        "retry pantry 2 --codes 503 --backoff 50ms",
    ),
    _part(
        "limit",
        "limit how many requests a service gets",
        f"{_CHANGE}:limit",
        _short(_limit),
        "limit orders 100/1s --by caller",
        "limit orders --concurrency 20",
    ),
    _part(
        "mirror", "copy requests to a version", f"{_CHANGE}:mirror", _short(_mirror), "mirror steamer v2 --percent 10"
    ),
    _part(
        "allow",
        "let only these call a service",
        f"{_CHANGE}:allow",
        _authorize,
        "allow pantry --from mill --method GET",
    ),
    _part("deny", "let these not call a service", f"{_CHANGE}:deny", _authorize, "deny pantry --from orders"),
    _part(
        "clear",
        "take back what was set",
        f"{_CHANGE}:clear",
        _clear,
        "clear pantry fault",
        "clear steamer --header x-user=me",
    ),
    _part(
        "set", "set keys beside the rules", f"{_CHANGE}:set", _set, "set pantry outlierDetection.consecutive5xxErrors=3"
    ),
    _part(
        "apply", "put a file's policies in force", f"{_CHANGE}:apply", _apply, "apply -f traffic.yaml --dry-run", f=True
    ),
    _part(
        "diff",
        "the file against what is in force, or revisions",
        "sandbox.cli.traffic.look:diff",
        _diff,
        "diff",
        "diff 3",
    ),
    _part("history", "what changed, when and why", "sandbox.cli.traffic.look:history", _history, "history -n 5"),
    _part(
        "rollback",
        "go back to an earlier revision",
        f"{_CHANGE}:rollback",
        _rollback,
        "rollback",
        "rollback 3 --dry-run",
    ),
    _part("save", "write what is in force into the file", f"{_CHANGE}:save", _save, "save", "save pantry"),
    _part(
        "try",
        "change for a while, and compare",
        "sandbox.cli.traffic.trial:run",
        _try,
        "try --for 60s retry pantry 2 --codes 503",
        "try traffic.yaml --for 5m",
        "try --keep",
    ),
    _part(
        "ramp",
        "give a version more and more requests",
        "sandbox.cli.traffic.ramp:run",
        _ramp,
        "ramp steamer v2 --steps 5,25,50,100 --every 30s --abort-if 'errors>1%'",
        "ramp steamer --end",
    ),
    _part(
        "explain",
        "where a request would go, and why",
        "sandbox.cli.traffic.explain:run",
        _explain,
        "explain 'GET http://steamer/x' --from orders -H 'x-user: me'",
    ),
    _part("lint", "what is questionable about the policies", "sandbox.cli.traffic.look:lint", _lint, "lint"),
)

TRAFFIC = Command(
    "traffic",
    "see and steer how requests travel",
    "sandbox.cli.traffic.look:get",
    output_option("table", "json", "yaml"),
    (
        "sandbox traffic split steamer v1=50 v2=50",
        "sandbox traffic fault pantry --delay 2s --percent 50",
        "sandbox traffic rollback",
    ),
    parts=PARTS,
)
