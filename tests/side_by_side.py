"""Which tests may run side by side, in workers of pytest-xdist.

Workers are handed groups. Tests that share an expensive fixture of their module stay together, one group for each of
its parameters; of those that take seconds each is a group of its own; and all else goes file by file.
"""

from __future__ import annotations

import pytest

SINGLE = ("tests/integration/", "tests/contracts/", "tests/runtime/docker/")
"""Where single tests take seconds."""


def group(item: pytest.Function) -> str:
    file = item.nodeid.partition("::")[0]
    fixtures = item._fixtureinfo.name2fixturedefs
    shared = sorted(name for name, found in fixtures.items() if found[-1].scope == "module")
    if shared:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        return " ".join([file, *(f"{name}={parameters.get(name, '')}" for name in shared)])
    return item.nodeid if file.startswith(SINGLE) else file
