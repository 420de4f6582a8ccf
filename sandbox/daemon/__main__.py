"""Entry point of the daemon."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from sandbox.paths import ProjectPaths


def main() -> int:
    state = Path(sys.argv[1])
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
    )
    paths = ProjectPaths(home=state.parent.parent, id=state.name)
    from sandbox.daemon.serve import serve

    with asyncio.Runner(loop_factory=_loop) as runner:
        return runner.run(serve(paths))


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not there on every platform, and nothing depends on it
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    raise SystemExit(main())
