"""Progressive delivery, carried out: once a second each ramp is asked what to do now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sandbox.control import Edit, EditAction, GoldenSignals, Origin, Ramp, RampRequest, RampState
from sandbox.errors import ConfigError, ConflictError, SandboxError, UsageError
from sandbox.events import Event, Kind, Severity
from sandbox.model import BackendRef, TrafficPolicy
from sandbox.supervisor.steering.live import Commit, Live, Wanted, with_documents
from sandbox.supervisor.steering.means import Means
from sandbox.tasks import Tasks
from sandbox.traffic.edits import edited, fragment, rule_for
from sandbox.traffic.ramps import RunningRamp, advise, as_note, cancelled, checked, of_note, shown, weights

log = logging.getLogger(__name__)

_NOTE = "ramps"
_TICK = 1.0
_AGAIN = 5.0
"""Seconds until a step that the proxy did not take is tried again."""

_LEFT = "its policy was changed by somebody else, and stays so"


class Ramps:
    """One at a time for each service. A policy that somebody else changes ends it: it is no longer what was judged."""

    def __init__(self, means: Means, live: Live, lock: asyncio.Lock, tasks: Tasks) -> None:
        self._means = means
        self._live = live
        self._lock = lock
        self._tasks = tasks
        self._ramps: dict[str, RunningRamp] = {}  # the last of each service
        self._followers: dict[str, asyncio.Task[None]] = {}

    async def start(self, request: RampRequest, versions: Sequence[str]) -> Ramp:
        """With the lock held. UsageError for one that can't be, ConflictError while one runs."""
        checked(request, versions)
        service = request.service
        if (running := self._ramps.get(service)) is not None and running.is_running:
            raise ConflictError(
                f"{running.request.version} is being ramped up already",
                place=service,
                hint=f"end it first: sandbox traffic ramp {service} --end",
            )
        others = self._others(request, versions)
        if not others:
            raise UsageError(
                f"{request.version} has all of the traffic already",
                place=service,
                hint=f"see who gets what: sandbox traffic get {service}",
            )
        ramp = RunningRamp(
            request=request, back=self._live.documents.get(service), others=others, since=self._means.clock()
        )
        ramp = replace(ramp, reason=f"{ramp.share} % for {request.every:g} s")
        await self._put(ramp)
        self._follow(service)
        return shown(self._ramps[service], None)

    async def end(self, service: str) -> Ramp:
        """What went before it began is in force again, unless somebody else has changed it meanwhile. UsageError when
        none runs."""
        async with self._lock:
            ramp = self._ramps.get(service)
            if ramp is None or not ramp.is_running:
                hint = f"begin with: sandbox traffic ramp {service} VERSION"
                raise UsageError("no version is being ramped up", place=service, hint=hint)
            if self._is_left(ramp):
                self._ended(cancelled(ramp, _LEFT))
            else:
                await self._go_back(cancelled(ramp, "ended by hand; all goes where it went before"))
            return shown(self._ramps[service], None)

    async def shown(self) -> tuple[Ramp, ...]:
        return tuple([shown(ramp, await self._signals(ramp)) for ramp in list(self._ramps.values())])

    def resume(self) -> None:
        """With the lock held: those that an earlier supervisor began go on. Its numbers are gone, so each begins its
        step anew."""
        for note in self._live.store.noted(_NOTE) or () if not self._ramps else ():
            try:
                ramp = replace(of_note(note), since=self._means.clock())
            except (TypeError, KeyError, ValueError, AttributeError) as error:
                log.warning("a ramp can't be read: %r", error)
                continue
            self._ramps[ramp.request.service] = ramp
            self._follow(ramp.request.service)

    # --- while it runs ----------------------------------------------------------------------------------------------

    def _follow(self, service: str) -> None:
        """With the lock held. Who followed the one before may not have seen its end yet, and would follow this one."""
        if (earlier := self._followers.get(service)) is not None:
            earlier.cancel()
        self._followers[service] = self._tasks.spawn(self._run(service), name=f"ramp of {service}")

    async def _run(self, service: str) -> None:
        pause = _TICK
        while True:
            await asyncio.sleep(pause)
            try:
                async with self._lock:
                    if not await self._look(service):
                        return
                pause = _TICK
            except SandboxError as error:
                pause = _AGAIN
                self._say(service, f"the ramp of {service} waits: {error}", Severity.ERROR)

    async def _look(self, service: str) -> bool:
        """Whether it goes on."""
        ramp = self._ramps[service]
        if not ramp.is_running:
            return False
        if self._is_left(ramp):
            self._ended(cancelled(ramp, _LEFT))
            return False
        advice = advise(ramp, self._means.clock(), await self._signals(ramp))
        if advice.go_on:
            await self._put(advice.ramp)
        elif advice.go_back:
            await self._go_back(advice.ramp)
        elif not advice.ramp.is_running:
            self._ended(advice.ramp)
        else:
            self._ramps[service] = advice.ramp
        return self._ramps[service].is_running

    def _is_left(self, ramp: RunningRamp) -> bool:
        return self._live.documents.get(ramp.request.service) != ramp.put

    async def _put(self, ramp: RunningRamp) -> None:
        """The share of its step comes in force, and the step begins."""
        service = ramp.request.service
        wanted = self._split(ramp)
        ramp = replace(ramp, put=wanted.documents.get(service))
        why = ramp.request.why or f"ramp of {ramp.request.version} to {ramp.share} %"
        if wanted.documents == self._live.documents:
            self._live.store.note(**{_NOTE: self._notes(ramp)})
        else:
            commit = Commit(origin=Origin.RAMP, why=why, notes=lambda number: {_NOTE: self._notes(ramp)})
            await self._live.put(wanted, commit)
        self._ramps[service] = replace(ramp, since=self._means.clock())

    async def _go_back(self, ramp: RunningRamp) -> None:
        service = ramp.request.service
        try:
            wanted = self._live.wanted(with_documents(self._live.documents, {service: ramp.back}))
        except ConfigError:  # the project has changed: what the file says fits it
            wanted = self._live.wanted(with_documents(self._live.documents, {service: self._live.file.get(service)}))
        commit = Commit(origin=Origin.RAMP, why=ramp.reason, notes=lambda number: {_NOTE: self._notes(ramp)})
        await self._live.put_back(wanted, commit)
        self._ended(ramp)

    def _ended(self, ramp: RunningRamp) -> None:
        self._ramps[ramp.request.service] = ramp
        try:
            self._live.store.note(**{_NOTE: self._notes(ramp)})
        except SandboxError as error:
            self._say(ramp.request.service, f"{error}; the next supervisor goes on with the ramp", Severity.WARNING)
        severity = Severity.INFO if ramp.state is RampState.DONE else Severity.WARNING
        request = ramp.request
        message = f"the ramp of {request.service} {request.version} is {ramp.state}: {ramp.reason}"
        self._say(request.service, message, severity)

    def _notes(self, ramp: RunningRamp) -> list[dict[str, object]]:
        """Of all that run."""
        ramps = {**self._ramps, ramp.request.service: ramp}
        return [as_note(one) for one in ramps.values() if one.is_running]

    # --- weights ----------------------------------------------------------------------------------------------------

    def _others(self, request: RampRequest, versions: Sequence[str]) -> dict[str, int]:
        """The weights that the other versions have now, for the requests that it is about."""
        policy = self._live.policies.get(request.service, TrafficPolicy())
        (said,) = self._said(request, {request.version: 1}).rules
        rule = rule_for(policy.rules, said.matches)
        refs = rule.backends or tuple(BackendRef(version=version) for version in versions)
        return {ref.version: ref.weight for ref in refs if ref.version != request.version and ref.weight}

    def _split(self, ramp: RunningRamp) -> Wanted:
        request, shares = ramp.request, weights(ramp)
        policy = self._live.policies.get(request.service, TrafficPolicy())
        after = edited(policy, _split(request, shares), self._said(request, shares))
        return self._live.wanted(with_documents(self._live.documents, {request.service: self._means.document(after)}))

    def _said(self, request: RampRequest, shares: Mapping[str, int]) -> TrafficPolicy:
        document = {request.service: fragment(_split(request, shares))}
        return self._means.parse(self._means.project(), document)[request.service]

    # --- the rest ---------------------------------------------------------------------------------------------------

    async def _signals(self, ramp: RunningRamp) -> GoldenSignals | None:
        return await self._means.golden(ramp.request.service, ramp.request.version, ramp.since)

    def _say(self, service: str, message: str, severity: Severity) -> None:
        self._means.bus.publish(Event(kind=Kind.NOTICE, service=service, message=message, severity=severity))


def _split(request: RampRequest, shares: Mapping[str, int]) -> Edit:
    return Edit(service=request.service, action=EditAction.SPLIT, values=shares, match=request.match)
