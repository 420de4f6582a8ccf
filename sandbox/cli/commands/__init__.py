"""The table of commands, in the order of `sandbox --help`; INTERNAL ones are typed by no person."""

from sandbox.cli.commands import explain, look, run, setup, steer

GROUPS = (run.GROUP, look.GROUP, explain.GROUP, steer.GROUP, setup.GROUP)
INTERNAL = (setup.COMPLETE, setup.VIEWER)
