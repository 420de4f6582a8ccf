"""What stays together when tests are handed to workers."""

from __future__ import annotations

import pytest

from tests.side_by_side import group

LIFE = "tests/integration/test_containers_life.py"


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("tests/cli/test_ps.py::test_a[1]", "tests/cli/test_ps.py"),
        (f"{LIFE}::test_a[host]", f"{LIFE}[host]"),
        (f"{LIFE}::test_a[container]", f"{LIFE}[container]"),
        (f"{LIFE}::test_a[host-a network]", f"{LIFE}::test_a[host-a network]"),
        (f"{LIFE}::test_a", f"{LIFE}::test_a"),
        ("tests/integration/test_engine_away.py::test_a[x]", "tests/integration/test_engine_away.py"),
    ],
)
def test_groups(nodeid: str, expected: str) -> None:
    assert group(nodeid) == expected
