"""What Envoy refuses late: it could not be asked when the policy came in force, and has come since."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sandbox.control import Origin
from sandbox.errors import RefusedPolicyError, SandboxError
from sandbox.events import Event, Kind, Severity
from sandbox.supervisor.steering.live import Commit, Live, Wanted, without
from sandbox.supervisor.steering.means import Means
from sandbox.supervisor.steering.refusals import written

Refusal = Callable[[], Awaitable[RefusedPolicyError | None]]
"""What Envoy has against what it was given last, once it has answered; None when it has nothing, or does not answer."""


class LateRefusals:
    """A revision that is refused gives way to the one before it, which is a revision of its own; once."""

    def __init__(self, means: Means, live: Live) -> None:
        self._means = means
        self._live = live
        self._given_up = 0

    async def look(self, refusal: Refusal) -> None:
        """With the lock held."""
        error, number = await refusal(), self._live.revision
        if error is None or number == self._given_up:
            return
        self._given_up = number
        told = written(error, self._means.project())
        origin = self._live.newest.origin if self._live.newest is not None else Origin.FILE
        try:
            await self._live.put(
                self._way_back(error), Commit(origin=origin, why=f"revision {number} is refused: {told}")
            )
        except SandboxError as failure:
            message = f"Envoy refuses traffic revision {number}, and there is no way back: {failure}"
            self._means.bus.publish(Event(kind=Kind.NOTICE, severity=Severity.ERROR, message=message))

    def _way_back(self, error: RefusedPolicyError) -> Wanted:
        """ConfigError when what was in force before does not fit the project any more."""
        number = self._live.revision
        while (kept := self._live.store.before(number)) is not None:
            if kept.documents != self._live.documents:
                return self._live.wanted(kept.documents)
            number = kept.revision.number
        return without(Wanted(documents=self._live.documents, policies=self._live.policies), error)
