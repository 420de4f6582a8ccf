"""Implements `TrafficControl`: one change at a time, all of it or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sandbox.control import (
    Change,
    ChangeResult,
    Document,
    Edit,
    Explanation,
    Finding,
    Origin,
    Ramp,
    RampRequest,
    RequestHead,
    Revision,
    Saved,
    TrafficControl,
    TrafficState,
    Trial,
    was_passing,
)
from sandbox.errors import ConflictError, NotFoundError, PreconditionError, ProxyError, UsageError
from sandbox.events import Event, Kind
from sandbox.model import GATEWAY, Project, Service, TrafficPolicy
from sandbox.supervisor.steering.late import LateRefusals, Refusal
from sandbox.supervisor.steering.live import Commit, Live, Wanted, changed
from sandbox.supervisor.steering.means import Documents, Means, Policies, Serving
from sandbox.supervisor.steering.ramps import Ramps
from sandbox.supervisor.steering.trials import Trials
from sandbox.supervisor.steering.yamltext import diff
from sandbox.tasks import Tasks
from sandbox.traffic.edits import edited, fragment
from sandbox.traffic.explain import explain
from sandbox.traffic.lint import Mesh, faults, lint
from sandbox.traffic.revisions import Kept, RevisionStore
from sandbox.traffic.router import Callee
from sandbox.traffic.shown import shown
from sandbox.traffic.whatif import may_move, unrecorded, what_if


class Steering(TrafficControl):
    """`begin` once, then `read` whenever the file was read."""

    def __init__(self, means: Means, store: RevisionStore, tasks: Tasks) -> None:
        self._means = means
        self._live = Live(means, store)
        self._lock = asyncio.Lock()
        self._trials = Trials(means, self._live, self._lock, tasks)
        self._ramps = Ramps(means, self._live, self._lock, tasks)
        self._late = LateRefusals(means, self._live)
        self._begun = asyncio.Event()
        self._live.restore()

    async def begin(self, project: Project, serving: Serving) -> ProxyError | None:
        """Put in force what was before, and what the file has changed since; what Envoy refuses of that, if anything.

        Until then changes and looks at the state wait. SandboxError when policies can't be kept.
        """
        try:
            async with self._lock:
                refusal = await self._live.begin(project, serving)
                served = self._live.policies
                self._trials.resume(project)
                self._ramps.resume()
                if self._live.policies != served:
                    serving.publish(self._live.policies)
                return refusal
        finally:
            self._begun.set()

    async def read(self, project: Project, serving: Serving) -> None:
        """Put in force what the file has changed. ProxyError when Envoy refuses it: nothing has changed."""
        async with self._lock:
            await self._live.read(project, serving)

    async def refused(self, refusal: Refusal) -> None:
        """Envoy has refused something; what of that is in force by our word, if anything, gives way."""
        async with self._lock:
            await self._late.look(refusal)

    # --- what is in force -------------------------------------------------------------------------------------------

    async def state(self) -> TrafficState:
        await self._begun.wait()
        live = self._live
        return TrafficState(
            revision=live.revision,
            policies=dict(live.documents),
            versions={name: _versions(one) for name, one in self._means.project().services.items() if one.ports},
            drift=live.drift(),
            newest=live.newest,
            refused=live.refused,
            trial=await self._trials.shown(),
            ramps=await self._ramps.shown(),
            shown={name: shown(policy) for name, policy in live.policies.items()},
        )

    async def history(self, limit: int = 50) -> tuple[Revision, ...]:
        await self._begun.wait()
        return self._live.store.history(limit)

    async def diff(self, number: int, against: int | None = None) -> str:
        first = self._kept(number)
        if against is None:
            return diff(first.documents, self._live.documents, f"revision {number}", "in force")
        return diff(first.documents, self._kept(against).documents, f"revision {number}", f"revision {against}")

    async def drift(self) -> str:
        return diff(self._live.file, self._live.documents, "sandbox.yaml", "in force")

    # --- changes ----------------------------------------------------------------------------------------------------

    async def change(self, change: Change) -> ChangeResult:
        async with self._lock:
            self._check(change.if_revision)
            wanted = self._edited(change.edits)
            commit = Commit(origin=change.origin, why=change.why)
            return await self._result(wanted, commit, dry_run=change.dry_run)

    async def rollback(
        self,
        number: int | None = None,
        origin: Origin = Origin.API,
        why: str = "",
        if_revision: int | None = None,
        dry_run: bool = False,
    ) -> ChangeResult:
        async with self._lock:
            self._check(if_revision)
            kept = self._kept(number) if number is not None else self._one_before()
            commit = Commit(origin=origin, why=why or f"back to revision {kept.revision.number}")
            return await self._result(self._live.wanted(kept.documents), commit, dry_run=dry_run)

    def _check(self, if_revision: int | None) -> None:
        if if_revision is not None and if_revision != self._live.revision:
            raise PreconditionError(
                f"revision {self._live.revision} is in force, not {if_revision}",
                place="traffic",
                hint="look at what changed (sandbox traffic history), then try again",
            )

    def _kept(self, number: int) -> Kept:
        if (kept := self._live.store.get(number)) is None:
            raise NotFoundError("no such revision", place=str(number), hint="see: sandbox traffic history")
        return kept

    def _one_before(self) -> Kept:
        """The newest that says something else than what is in force and was no passing one."""
        after = self._live.newest
        while after is not None and (kept := self._live.store.before(after.number)) is not None:
            if kept.documents != self._live.documents and not was_passing(kept.revision, after):
                return kept
            after = kept.revision
        raise UsageError(
            "there is no earlier revision to go back to",
            place="traffic",
            hint="see: sandbox traffic history, and what differs from the file: sandbox traffic diff",
        )

    async def _result(self, wanted: Wanted, commit: Commit, *, dry_run: bool = False) -> ChangeResult:
        before = self._live.documents
        policies = self._live.policies
        names = changed(before, wanted.documents)
        result = ChangeResult(
            revision=None,
            changed=names,
            diff=diff(_only(before, names), _only(wanted.documents, names), "in force", "wanted"),
            against=self._live.revision,
            findings=(*self._news(wanted.policies), *self._blind(wanted.policies, names)),
            what_if=what_if(self._means.recorded(), policies, wanted.policies, self._callee, self._means.clock())
            if may_move(policies, wanted.policies, names)
            else None,
        )
        if dry_run or not names:
            return result
        revision, remark = await self._live.put(wanted, commit)
        remarks = [Finding(severity="warning", place="proxy", message=remark)] if remark else []
        return replace(result, revision=revision, findings=(*remarks, *result.findings))

    def _news(self, policies: Policies) -> tuple[Finding, ...]:
        """What is questionable about them and was not before."""
        mesh = self._mesh()
        known = set(lint(self._live.policies, mesh))
        return tuple(one for one in lint(policies, mesh) if one not in known and one.severity != "info")

    def _blind(self, policies: Policies, names: Sequence[str]) -> tuple[Finding, ...]:
        """What recorded requests can't tell."""
        unknown = unrecorded(policies, names, self._means.recorded_headers()) if self._means.recorded() else ()
        if not unknown:
            return ()
        message = f"recorded requests do not tell {', '.join(unknown)}, so they count as without"
        return (Finding(severity="info", place="what if", message=message),)

    # --- edits to documents -----------------------------------------------------------------------------------------

    def _edited(self, edits: Sequence[Edit]) -> Wanted:
        """All of them, one after the other. UsageError, ConfigError."""
        if not edits:
            raise UsageError("there is nothing to change", place="traffic")
        policies: dict[str, TrafficPolicy] = dict(self._live.policies)
        for edit in edits:
            self._service(edit.service)
            policy = policies.get(edit.service, TrafficPolicy())
            policies[edit.service] = edited(policy, edit, self._said(edit))
        return self._live.wanted({name: self._means.document(policy) for name, policy in policies.items()})

    def _said(self, edit: Edit) -> TrafficPolicy:
        said: Mapping[str, Document] = {edit.service: fragment(edit)}
        return self._means.parse(self._means.project(), said).get(edit.service, TrafficPolicy())

    def _service(self, name: str) -> Service:
        services = self._means.project().services
        if name not in services:
            raise NotFoundError("no such service", place=name, hint=f"there are {', '.join(services)}")
        return services[name]

    # --- for a while ------------------------------------------------------------------------------------------------

    async def start_trial(self, change: Change, seconds: float) -> Trial:
        async with self._lock:
            self._check(change.if_revision)
            return await self._trials.start(self._edited(change.edits), change.why, seconds)

    async def end_trial(self, keep: bool) -> Trial:
        return await self._trials.end(keep)

    async def start_ramp(self, request: RampRequest) -> Ramp:
        versions = _versions(self._service(request.service))
        async with self._lock:
            self._check(request.if_revision)
            return await self._ramps.start(request, versions)

    async def end_ramp(self, service: str) -> Ramp:
        self._service(service)
        return await self._ramps.end(service)

    # --- questions --------------------------------------------------------------------------------------------------

    async def explain(self, request: RequestHead) -> Explanation:
        self._service(request.service)
        if request.caller != GATEWAY:
            self._service(request.caller)
        callee = self._callee(request.service)
        assert callee is not None  # there is such a service
        return explain(self._live.policies.get(request.service, TrafficPolicy()), request, callee)

    async def lint(self) -> Sequence[Finding]:
        return lint(self._live.policies, self._mesh())

    def _callee(self, name: str) -> Callee | None:
        project = self._means.project()
        if name not in project.services:
            return None
        declared = frozenset({GATEWAY, *(one.name for one in project.services.values() if name in one.callees)})
        return Callee(
            name=name,
            versions=_versions(project.services[name]),
            ready=self._means.ready().get(name, frozenset()),
            declared=declared if project.mesh.declared_only else None,
        )

    def _mesh(self) -> Mesh:
        services = self._means.project().services
        ready = self._means.ready()
        return Mesh(
            callees={name: tuple(dict.fromkeys(one.callees)) for name, one in services.items()},
            versions={name: _versions(one) for name, one in services.items()},
            ready={name: ready.get(name, frozenset()) for name, one in services.items() if one.ports},
            entries=[name for name, one in services.items() if one.public],
        )

    # --- the file ---------------------------------------------------------------------------------------------------

    async def save(self, services: Sequence[str] = ()) -> Saved:
        """What is in force becomes what the file says; the file is read again when it is seen to have changed."""
        for name in services:
            self._service(name)
        async with self._lock:
            return await self._saved(services)

    async def _saved(self, services: Sequence[str]) -> Saved:
        if self._live.refused and not services:
            raise ConflictError(
                f"what the file says is refused, and would be lost: {self._live.refused}",
                place="traffic",
                hint="mend the file, or name the services whose policy in force is to be written into it",
            )
        drift = [name for name in self._live.drift() if not services or name in services]
        if not drift:
            return Saved(file=None, services=())
        documents = {name: self._live.documents.get(name, {}) for name in drift}
        file = await asyncio.to_thread(self._means.save, documents)
        self._live.saved(drift)
        message = f"the policy of {', '.join(drift)} was saved to {file.name}"
        self._means.bus.publish(Event(kind=Kind.POLICY_APPLIED, message=message))
        return Saved(file=str(file), services=tuple(drift), faults=faults(self._live.policies, drift))


def _versions(service: Service) -> tuple[str, ...]:
    return tuple(version.name for version in service.versions)


def _only(documents: Documents, names: Sequence[str]) -> Documents:
    return {name: documents[name] for name in names if name in documents}
