"""What the keys ask the cluster to do, and the words that tell so."""

from __future__ import annotations

from typing import Protocol

from sandbox.control import (
    LifecycleControl,
    LoadControl,
    RampState,
    ReloadControl,
    ServiceStatus,
    Status,
    TrafficControl,
    TrafficState,
    TrickleWish,
    WatchState,
    WatchStatus,
)
from sandbox.errors import UsageError
from sandbox.wording import counted

_GONE = frozenset({Status.STOPPING, Status.STOPPED})


class Ordered(LifecycleControl, ReloadControl, Protocol):
    """What orders need of the control."""

    @property
    def traffic(self) -> TrafficControl: ...

    @property
    def load(self) -> LoadControl: ...


class Orders:
    """Each order returns what to tell the user, and raises SandboxError when it can't be given."""

    def __init__(self, control: Ordered) -> None:
        self._control = control
        self._wished: dict[tuple[str, str | None], int] = {}

    def heard(self) -> None:
        """A newer status is known: it counts from now on, not what was wished since the last one."""
        self._wished.clear()

    async def restart(self, service: ServiceStatus) -> str:
        await self._control.restart((service.name,))
        return f"restarting {service.name}"

    async def pause_or_resume(self, watch: WatchStatus) -> str:
        if watch.state is WatchState.ON:
            await self._control.watch(False)
            return "saves wait from now on; press w again to apply them"
        await self._control.watch(True)
        return (
            "saves reload services again" if watch.state is WatchState.PAUSED else "saves reload services from now on"
        )

    async def stop_or_start(self, service: ServiceStatus) -> str:
        if service.status in _GONE:
            await self._control.start((service.name,))
            return f"starting {service.name}"
        await self._control.stop((service.name,))
        return f"stopping {service.name}; press s again to start it"

    async def scale(self, service: ServiceStatus, version: str | None, by: int) -> str:
        """By one more or one less. Several presses in a row add up."""
        if version is None and len(service.versions) > 1:
            raise UsageError(
                "has several versions", place=service.name, hint="open it with space, go to one, then press + or -"
            )
        known = self._wished.get((service.name, version), _replicas(service, version))
        replicas = known + by
        if replicas < 0:
            raise UsageError("has no replicas to take away", place=service.name)
        self._wished[service.name, version] = replicas
        await self._control.scale(service.name, replicas, version)
        target = f"{service.name}@{version}" if version and len(service.versions) > 1 else service.name
        return f"scaling {target} to {replicas}"

    async def send_or_not(self) -> str:
        """A little traffic in the background, or no more of it."""
        now = await self._control.load.trickle()
        if not now.on and not now.targets:
            raise UsageError("no service is public", hint="say `public: true` on one in sandbox.yaml")
        after = await self._control.load.trickle(TrickleWish(on=not now.on))
        if not after.on:
            return f"no more background traffic; {now.sent} requests were sent, {now.failed} failed"
        return f"{counted(after.per_second, 'request')} a second to {', '.join(after.targets)}; g ends it"

    async def keep(self, traffic: TrafficState | None) -> str:
        if traffic is None or traffic.trial is None or traffic.trial.ended is not None:
            raise UsageError("nothing is being tried", hint="in a steering dialog, ctrl+t tries a change for a minute")
        await self._control.traffic.end_trial(keep=True)
        return f"kept: revision {traffic.trial.revision} stays"

    async def go_back(self, traffic: TrafficState | None) -> str:
        """Ends what is being tried; where nothing is, the ramp that runs."""
        if traffic and traffic.trial and traffic.trial.ended is None:
            await self._control.traffic.end_trial(keep=False)
            return f"back: {', '.join(traffic.trial.services)} as before the try"
        for ramp in traffic.ramps if traffic else ():
            if ramp.state is RampState.RUNNING:
                ended = await self._control.traffic.end_ramp(ramp.service)
                return f"the ramp of {ramp.service} is {ended.state}: {ended.reason}"
        raise UsageError("nothing is being tried or ramped", hint="u undoes the last change")


def _replicas(service: ServiceStatus, version: str | None) -> int:
    if version is None or len(service.versions) == 1:
        return service.replicas
    return sum(one.version == version and one.status not in _GONE for one in service.instances)
