"""Steering between a scripted proxy, scripted numbers and the real words of the file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.config.traffic.document import document
from sandbox.config.traffic.policies import parse_policies
from sandbox.control import Change, ChangeResult, Edit, EditAction, GoldenSignals, Origin
from sandbox.errors import ProxyError, RefusedPolicyError
from sandbox.events import Bus
from sandbox.model import Project
from sandbox.supervisor.steering.control import Steering
from sandbox.supervisor.steering.means import Documents, Means, Policies
from sandbox.tasks import Tasks
from sandbox.traffic.revisions import RevisionStore
from sandbox.traffic.whatif import Recorded
from tests.supervisor.build import a_project, a_service, a_version

RETRIES = {"rules": [{"retry": {"attempts": 2, "codes": [503]}}]}


def street(**traffic: Mapping[str, Any]) -> Project:
    """shop → orders → steamer (v1, v2) → pantry, with what the file says about traffic."""
    project = a_project(
        a_service("shop", calls=("orders",), public=True),
        a_service("orders", calls=("steamer",)),
        a_service("steamer", a_version("v1"), a_version("v2"), calls=("pantry",)),
        a_service("pantry"),
    )
    return replace(project, traffic=parse_policies(traffic, project))


class Stage:
    """`dies` and `lives_again` are a supervisor that is killed, and the next one."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder = folder
        self.project = project
        self.served: Policies = {}  # by the proxy
        self.remark = ""
        self.refused_at = "traffic"
        self.refusal: ProxyError | None = None  # of what the file said when the supervisor began
        self.refuses: Callable[[Policies], bool] = lambda policies: False
        self.ready = {name: frozenset({"v1", "v2"}) for name in project.services}
        self.signals: dict[tuple[str, str | None], GoldenSignals] = {}
        self.recorded: list[Recorded] = []
        self.saved: Documents = {}
        self.now = 1000.0
        self.bus = Bus()
        self.said: list[str] = []
        self._begin()

    def _begin(self) -> None:
        self.tasks, self.begun = Tasks(), False
        self.store = RevisionStore(self.folder / "traffic.db", self.said.append)
        self.steering = Steering(self._means(), self.store, self.tasks)

    def _means(self) -> Means:
        return Means(
            project=lambda: self.project,
            parse=lambda project, documents: parse_policies(documents, project),
            document=document,
            enforce=self._enforce,
            ready=lambda: self.ready,
            golden=self._golden,
            recorded=lambda: self.recorded,
            save=self._save,
            bus=self.bus,
            clock=lambda: self.now,
        )

    async def _enforce(self, policies: Policies) -> str:
        await asyncio.sleep(0)
        if self.refuses(policies):
            raise RefusedPolicyError("Envoy refuses it: bad", place=self.refused_at)
        self.served = policies
        return self.remark

    # --- supervisor.steering.means.Serving

    def publish(self, policies: Policies) -> None:
        self.served = policies

    async def offer(self, policies: Policies) -> None:
        await self._enforce(policies)

    async def _golden(self, service: str, version: str | None, since: float) -> GoldenSignals | None:
        for _ in range(4):  # what else is asked of it comes in between
            await asyncio.sleep(0)
        return self.signals.get((service, version))

    def _save(self, documents: Documents) -> Path:
        self.saved = documents
        return Path("/app/sandbox.yaml")

    async def read(self, project: Project | None = None) -> None:
        """As the daemon does whenever the file was read."""
        self.project = project or self.project
        if self.begun:
            await self.steering.read(self.project, self)
        else:
            self.begun, self.refusal = True, await self.steering.begin(self.project, self)

    async def dies(self) -> None:
        await self.tasks.close()
        self.store.close()

    async def lives_again(self) -> None:
        await self.dies()
        self._begin()
        await self.read()

    # --- in short ---------------------------------------------------------------------------------------------------

    async def change(self, service: str, action: EditAction, **values: Any) -> ChangeResult:
        return await self.steering.change(Change(edits=(an_edit(service, action, **values),), origin=Origin.CLI))

    @property
    def documents(self) -> Documents:
        """As the proxy serves them."""
        return {name: document(policy) for name, policy in self.served.items()}

    def happened(self) -> list[str]:
        return [event.message for event in self.bus.history()]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


def an_edit(service: str, action: EditAction, **values: Any) -> Edit:
    match = values.pop("match", {})
    return Edit(service=service, action=action, values=values, match=match)
