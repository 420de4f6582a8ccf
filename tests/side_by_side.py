"""Which tests may run side by side, in workers of pytest-xdist.

Files are handed out as wholes; of those in which single tests take seconds, each test is, unless tests share an
expensive fixture: of their module, or the clusters of `integration/conftest.py`, of which each layout is one.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

SLOW = ("tests/integration/", "tests/contracts/", "tests/runtime/docker/")
ROOT = Path(__file__).parent.parent


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    file, _, test = nodeid.partition("::")
    if not file.startswith(SLOW) or _shares(file):
        return file
    layout = re.search(r"\[(host|container)\]$", test)
    return f"{file}{layout[0]}" if layout else nodeid


@cache
def _shares(file: str) -> bool:
    return 'scope="module"' in (ROOT / file).read_text()
