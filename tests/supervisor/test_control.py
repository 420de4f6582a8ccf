"""What the supervisor refuses before anything is wished."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.errors import UsageError
from sandbox.events import Bus
from sandbox.model import External
from sandbox.supervisor.control import LocalControl
from tests.supervisor.build import a_service, desire

OUTSIDE = replace(a_service("weather"), external=External(host="weather.test", port=443, tls=True))


async def test_a_host_outside_is_not_scaled() -> None:
    bus, nothing = Bus(), SimpleNamespace()
    cluster: Any = SimpleNamespace(desired=desire(a_service("shop", calls=("weather",)), OUTSIDE))
    control = LocalControl(cluster, bus, nothing, nothing)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match="weather: is a host outside, of which nothing runs here"):
        await control.scale("weather", 2)

    assert bus.history() == ()
