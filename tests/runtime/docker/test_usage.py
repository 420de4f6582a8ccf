from __future__ import annotations

from sandbox.runtime.base import Usage
from sandbox.runtime.docker.usage import told

STATS = {
    "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}},
    "memory_stats": {"usage": 50_000_000, "limit": 256_000_000, "stats": {"inactive_file": 20_000_000}},
}


def test_memory_is_told_without_the_cache_that_would_go_first() -> None:
    assert told("web-v1-1", STATS) == Usage(
        id="web-v1-1", cpu_seconds=1.5, memory=30_000_000, memory_limit=256_000_000, open_files=None
    )


def test_of_a_container_that_has_ended_there_is_nothing() -> None:
    assert told("web-v1-1", {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}}) is None
