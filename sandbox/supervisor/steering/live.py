"""The policies in force, and what the file says: every change of them is a revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.control import Document, Origin, Revision
from sandbox.errors import ConfigError, ProxyError, RefusedPolicyError, SandboxError
from sandbox.events import Event, Kind, Severity
from sandbox.model import Project, TrafficPolicy
from sandbox.supervisor.steering.means import Documents, Means, Policies, Serving
from sandbox.supervisor.steering.refusals import service_of, written
from sandbox.traffic.revisions import RevisionStore
from sandbox.traffic.summary import summary

_FILE = "file"
"""The note of what the file said when it was taken over last."""

Notes = Callable[[int], Mapping[str, Any]]
"""From the number of a revision to what is noted with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Documents that were read and checked, as they will be kept."""

    documents: Documents
    policies: Policies


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A file that was read. What it changed since it was taken over last is wanted, beside what stays in force."""

    said: Wanted
    wanted: Wanted


_NOTHING = Wanted(documents={}, policies={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    origin: Origin
    why: str = ""
    what: str = ""  # instead of a summary of what changed
    notes: Notes = field(default=lambda number: {})


class Live:
    """Documents are kept in one form (`means.document`), so that equal policies are equal documents."""

    def __init__(self, means: Means, store: RevisionStore) -> None:
        self._means = means
        self.store = store
        self.newest: Revision | None = None
        self.documents: Documents = {}
        self.policies: Policies = {}
        self.file: Documents = {}  # what it says
        self.refused = ""  # why what it says is not in force
        self._taken: Documents = {}  # what it said when it was taken over last

    @property
    def revision(self) -> int:
        return self.newest.number if self.newest is not None else 0

    # --- reading --------------------------------------------------------------------------------------------------

    def wanted(self, documents: Documents, project: Project | None = None) -> Wanted:
        """ConfigError for what the file could not say either. project: another one than that in force."""
        known = {} if project is not None else self.documents
        same = {name for name, found in documents.items() if known.get(name) == found and name in self.policies}
        others = {name: found for name, found in documents.items() if name not in same}
        read = self._means.parse(project or self._means.project(), others)
        policies = {**{name: self.policies[name] for name in same}, **read}
        kept = {name: policies[name] for name in sorted(policies) if policies[name] != TrafficPolicy()}
        forms = {name: documents[name] if name in same else self._means.document(kept[name]) for name in kept}
        return Wanted(documents=forms, policies=kept)

    def drift(self) -> tuple[str, ...]:
        """Services whose policy is not what the file says."""
        return changed(self.file, self.documents)

    # --- changing -------------------------------------------------------------------------------------------------

    async def put(self, wanted: Wanted, commit: Commit) -> tuple[Revision, str]:
        """In force at the proxy, then kept; with the proxy's remark. ProxyError or SandboxError change nothing."""
        remark = await self._means.enforce(wanted.policies)
        try:
            revision = self._keep(wanted, commit)
        except BaseException:
            await self._means.enforce(self.policies)
            raise
        return revision, remark

    async def put_back(self, wanted: Wanted, commit: Commit) -> None:
        """The same for what ends: a disk that does not keep it is no reason to go on with it."""
        await self._means.enforce(wanted.policies)
        try:
            self._keep(wanted, commit)
        except SandboxError as error:
            self._not_kept(wanted, error)

    def turn_back(self, wanted: Wanted, commit: Commit) -> None:
        """Kept, before anything of it has reached the proxy."""
        self._keep(wanted, commit)

    def _keep(self, wanted: Wanted, commit: Commit) -> Revision:
        text = commit.what or summary(self.policies, wanted.policies)
        revision = self.store.add(
            wanted.documents,
            at=self._means.clock(),
            origin=commit.origin,
            why=commit.why,
            summary=text,
            services=changed(self.documents, wanted.documents),
            notes=commit.notes,
        )
        self.newest, self.documents, self.policies = revision, wanted.documents, wanted.policies
        self._tell(revision)
        return revision

    def _tell(self, revision: Revision) -> None:
        why = f" ({revision.why})" if revision.why else ""
        (service,) = revision.services if len(revision.services) == 1 else (None,)
        message = f"traffic revision {revision.number}, {revision.origin}: {revision.summary}{why}"
        self._means.bus.publish(Event(kind=Kind.POLICY_APPLIED, message=message, service=service))

    # --- the file -------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """What was in force before this supervisor; `begin` makes it fit the project."""
        self.file = self._taken = self.store.noted(_FILE) or {}
        if (newest := self.store.newest()) is not None:
            self.newest, self.documents = newest.revision, newest.documents

    async def read(self, project: Project, serving: Serving) -> None:
        """The file was read: what changed in it since it was taken over last comes in force, the rest stays as it is.

        ProxyError when Envoy refuses that: nothing has changed, and the file is tried again when it is read again.
        """
        reading = self._reading(project)
        self.file, self.refused = reading.said.documents, ""
        try:
            if reading.wanted.policies == self.policies:
                serving.publish(self.policies)
            else:
                await serving.offer(reading.wanted.policies)
        except RefusedPolicyError as error:
            refusal = written(error, project)
            self.refused = str(refusal)
            raise refusal from None
        except ProxyError as error:
            self.refused = str(error)
            raise
        self._take(reading.wanted, reading.said.documents)

    async def begin(self, project: Project, serving: Serving) -> ProxyError | None:
        """The same for a supervisor that begins. What Envoy refuses, which is returned, gives way to what was in force
        before; where nothing was, only the services that it is about are without a policy. What it refuses for another
        reason than a policy is no reason to go without them."""
        reading = self._reading(project)
        self.file = reading.said.documents
        if reading.wanted.documents == self.documents and self.revision:
            serving.publish(reading.wanted.policies)
            self._take(reading.wanted, self.file)
            return None
        wanted, refusal = await self._accepted(reading, project, serving)
        self._take(wanted, self._taken_of(wanted, refused=refusal is not None))
        if refusal is not None:
            refusal = written(refusal, project) if isinstance(refusal, RefusedPolicyError) else refusal
            self.refused = str(refusal)
        return refusal

    def saved(self, services: Sequence[str]) -> None:
        """The file says of these what is in force: what changes before it is read again is newer than the file."""
        taken = with_documents(self._taken, {name: self.documents.get(name) for name in services})
        try:
            self.store.note(**{_FILE: taken})
        except SandboxError as error:
            self._warn(f"{error}; what the file says counts as new when it is read again")
        else:
            self._taken = taken

    def _reading(self, project: Project) -> _Reading:
        said = self._said(project)
        moved = changed(self._taken, said.documents)
        merged = {name: document for name, document in self.documents.items() if name not in moved}
        merged |= {name: said.documents[name] for name in moved if name in said.documents}
        wanted = said if merged == said.documents else self._fitting(merged, said, project)
        return _Reading(said=said, wanted=wanted)

    def _said(self, project: Project) -> Wanted:
        """What the file says was checked when it was read."""
        policies = {name: project.traffic[name] for name in sorted(project.traffic)}
        policies = {name: policy for name, policy in policies.items() if policy != TrafficPolicy()}
        documents = {name: self._means.document(policy) for name, policy in policies.items()}
        return Wanted(documents=documents, policies=policies)

    async def _accepted(
        self, reading: _Reading, project: Project, serving: Serving
    ) -> tuple[Wanted, ProxyError | None]:
        """What Envoy takes, and what it had against the rest."""
        wanted: Wanted = reading.wanted
        refusal: ProxyError | None = None
        while True:
            try:
                await serving.offer(wanted.policies)
                return wanted, refusal
            except RefusedPolicyError as error:
                if not wanted.policies:  # whatever it is, it is no policy
                    return wanted, refusal or error
                if refusal is None and self.revision:
                    wanted = self._fitting(self.documents, _NOTHING, project)
                else:
                    wanted = without(wanted, error)
                refusal = refusal or error
            except ProxyError as error:
                return wanted, refusal or error

    def _taken_of(self, wanted: Wanted, *, refused: bool) -> Documents:
        if not refused:
            return self.file
        if self.revision:
            return self._taken
        return {name: document for name, document in self.file.items() if wanted.documents.get(name) == document}

    def _take(self, wanted: Wanted, taken: Documents) -> None:
        try:
            self._noted(wanted, taken)
        except SandboxError as error:  # a full disk keeps no project from running
            self._not_kept(wanted, error)
        self._taken = taken

    def _not_kept(self, wanted: Wanted, error: SandboxError) -> None:
        self.documents, self.policies = wanted.documents, wanted.policies
        self._warn(f"{error}; what is in force now is not known to the next supervisor")

    def _noted(self, wanted: Wanted, taken: Documents) -> None:
        first = self.store.newest() is None
        if first or wanted.documents != self.documents:
            what = "as the file says" if first and taken == self.file else ""
            self._keep(wanted, Commit(origin=Origin.FILE, what=what, notes=lambda number: {_FILE: taken}))
            return
        self.policies = wanted.policies
        if taken != self._taken:
            self.store.note(**{_FILE: taken})

    def _fitting(self, documents: Documents, said: Wanted, project: Project) -> Wanted:
        """Live policies that no longer fit the project, as when their version is gone, give way to the file's."""
        try:
            return self.wanted(documents, project)
        except ConfigError:
            fitting = {name: document for name, document in documents.items() if self._fits(name, document, project)}
        lost = [name for name in documents if name not in fitting]
        fitting |= {name: said.documents[name] for name in lost if name in said.documents}
        self._warn(f"the policy of {', '.join(lost)} does not fit the project any more: what the file says is in force")
        try:
            return self.wanted(fitting, project)
        except ConfigError:  # each fits, but not all of them together
            return said

    def _warn(self, message: str) -> None:
        self._means.bus.publish(Event(kind=Kind.NOTICE, severity=Severity.WARNING, message=message))

    def _fits(self, name: str, document: Document, project: Project) -> bool:
        try:
            self.wanted({name: document}, project)
        except ConfigError:
            return False
        return True


def without(wanted: Wanted, refusal: RefusedPolicyError) -> Wanted:
    """Without the policy that it is about; without any when that is not known."""
    service = service_of(refusal)
    if service not in wanted.policies:
        return _NOTHING
    return Wanted(
        documents={name: one for name, one in wanted.documents.items() if name != service},
        policies={name: one for name, one in wanted.policies.items() if name != service},
    )


def changed(before: Documents, after: Documents) -> tuple[str, ...]:
    return tuple(name for name in sorted({**before, **after}) if before.get(name) != after.get(name))


def with_documents(documents: Documents, changes: Mapping[str, Document | None]) -> Documents:
    """None takes one away."""
    merged = {**documents, **changes}
    return {name: document for name, document in merged.items() if document is not None}
