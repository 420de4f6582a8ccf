"""Entry point of the daemon."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path

from sandbox.daemon.refusal import refuse
from sandbox.errors import SandboxError, refused_by_disk
from sandbox.paths import ProjectPaths

log = logging.getLogger(__name__)


def main() -> int:
    state = Path(sys.argv[1])
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
    )
    paths = ProjectPaths(home=state.parent.parent, id=state.name)
    # grpc's handlers around fork crash the child now and then. Python starts programs by vfork, which runs none; uvloop
    # would fork, so the loop is Python's own.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    sys.setswitchinterval(0.001)  # libraries are imported by a thread while the loop starts the services
    gc.disable()  # until everything is imported (`serve`): of that nothing is garbage
    from sandbox.daemon.serve import serve

    try:
        return asyncio.run(serve(paths))
    except SandboxError as error:
        return _refused(paths, error)
    except OSError as error:
        if (refused := refused_by_disk(error)) is None:
            raise
        return _refused(paths, refused)


def _refused(paths: ProjectPaths, error: SandboxError) -> int:
    log.error("%s%s", error, f"; {error.hint}" if error.hint else "")
    refuse(paths, error)
    return error.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
