"""Commands about the configuration, the machine and sandbox itself."""

from argparse import REMAINDER, ArgumentParser

from sandbox.cli.grammar import Command, Group, output_option


def _init(parser: ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="default: the current one")
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace a sandbox.yaml, or write one that is taken instead of a compose.yaml",
    )


def _config(parser: ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", metavar="PATH", help="an app's folder, or the name of a sample app")
    parser.add_argument(
        "--profile", dest="profiles", action="append", default=[], metavar="NAME", help="settings to lay over the file"
    )
    parser.add_argument(
        "--dockerfile", metavar="SERVICE[@VERSION]", help="print what the image of a service is built by"
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of sandbox.yaml, for editors")
    output_option("yaml", "json")(parser)


def _completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def _complete(parser: ArgumentParser) -> None:
    parser.add_argument("words", nargs=REMAINDER)


def _viewer(parser: ArgumentParser) -> None:
    parser.add_argument("socket")
    parser.add_argument("--look", action="store_true")


GROUP = Group(
    "Set up",
    (
        Command(
            "init",
            "write a sandbox.yaml for a folder",
            "sandbox.cli.init:run",
            _init,
            ("sandbox init", "sandbox init ./my-app"),
            steers_project=False,
        ),
        Command(
            "config",
            "check and print the resolved configuration",
            "sandbox.cli.config:run",
            _config,
            (
                "sandbox config bakery",
                "sandbox config -f sandbox.yaml -f local.yaml -o json",
                "sandbox config bakery --dockerfile steamer@v2",
            ),
        ),
        Command(
            "doctor",
            "check this machine, with the fix for each finding",
            "sandbox.cli.doctor.command:run",
            output_option("table", "json"),
            ("sandbox doctor", "sandbox doctor -o json"),
            steers_project=False,
        ),
        Command(
            "version",
            "versions of sandbox and of what it drives",
            "sandbox.cli.version:run",
            output_option("table", "json"),
            ("sandbox version", "sandbox version -o json"),
            steers_project=False,
        ),
        Command(
            "completion",
            "completion script for bash, zsh or fish",
            "sandbox.cli.completion:run",
            _completion,
            ("source <(sandbox completion bash)", "sandbox completion fish | source"),
            steers_project=False,
        ),
    ),
)

COMPLETE = Command(
    "__complete",
    "candidates for the last of the words",
    "sandbox.cli.completion:answer",
    _complete,
    steers_project=False,
)

VIEWER = Command(
    "__viewer",
    "the cockpit for a browser",
    "sandbox.cli.open:view",
    _viewer,
    steers_project=False,
)
