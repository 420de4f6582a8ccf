"""The loop with a scripted runtime: what is wished for comes about, whatever the runtime does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from sandbox.control import Status
from sandbox.errors import RuntimeFailure
from sandbox.events import Bus, Kind
from sandbox.model import Healthcheck, NoProbe, ReloadSettings, RestartPolicy, Service
from sandbox.proxy.topology import Caller, EndpointKey, Endpoints
from sandbox.runtime.base import Driver, InstanceSpec, Running
from sandbox.runtime.fake import Behaviour, FakeDriver, FakeHost
from sandbox.supervisor import cluster as clusters
from sandbox.supervisor import views
from sandbox.supervisor.adoption import adopt
from sandbox.supervisor.cluster import Cluster, Hooks
from sandbox.supervisor.desired import Desired, VersionKey, Wishes
from sandbox.supervisor.state import InstanceState
from sandbox.supervisor.surroundings import Place, Surroundings
from sandbox.supervisor.wiring import Ingress
from sandbox.tasks import Tasks
from tests.supervisor.build import a_service, a_version, desire

QUICK = Healthcheck(probe=NoProbe(), interval=0.01)


def a_mill(*, replicas: int = 1) -> Service:
    return a_service("mill", replace(a_version(replicas=replicas), healthcheck=QUICK))


def a_place(service: str) -> Place:
    caller = Caller(name=service, http_proxy=None, edges=())
    return Place(runtime="process", caller=caller, listens_on="127.0.0.1", otlp=None, inherited={})


class SlowToTell(FakeDriver):
    """Answers a start only when its end has been heard of."""

    async def start(self, spec: InstanceSpec) -> Running:
        running = await super().start(spec)
        for _ in range(20):
            await asyncio.sleep(0)
        return running


class DeadWhenLookedAt(FakeDriver):
    """What it starts is over before anybody saw its process, and the end is told afterwards."""

    async def start(self, spec: InstanceSpec) -> Running:
        self.host.running[spec.id] = running = replace(await super().start(spec), pid=None)
        return running


class Stage:
    """A cluster on a scripted machine."""

    driver = FakeDriver

    def __init__(self, desired: Desired) -> None:
        self.host, self.bus = FakeHost(), Bus()
        self.endpoints: list[Endpoints] = []
        self.words: dict[str, list[str]] = {}
        self.changed = asyncio.Event()
        self.tasks = Tasks()
        self.cluster = self.new_cluster(desired)

    def new_cluster(self, desired: Desired) -> Cluster:
        around = Surroundings(places={name: a_place(name) for name in desired.project.services}, user_environment={})
        hooks = Hooks(
            endpoints_changed=self.endpoints.append,
            endpoints_served=lambda: asyncio.sleep(0),
            state_changed=self.changed.set,
            printed=lambda name, since, count: self.words.get(name, [f"last words of {name}"]),
            claim_ports=lambda name, declared: {port: 20000 + index for index, port in enumerate(declared)},
        )
        return Cluster(self.driver(self.host), desired, around, self.bus, hooks)

    def begin(self) -> None:
        self.tasks.spawn(self.cluster.run(), name="reconcile")

    async def taken_over(self, *, ended: bool = True) -> None:
        """A new cluster adopts what the old one remembers; it is still to begin."""
        remembered = list(self.cluster.state.instances.values())
        await self.cluster.close()
        await self.tasks.close()
        self.tasks, self.cluster = Tasks(), self.new_cluster(self.cluster.desired)
        for fact in await adopt(self.driver(self.host), remembered, self.cluster.desired.project, ended=ended):
            self.cluster.tell(fact)

    def wish(self, wishes: Wishes) -> None:
        self.cluster.wish(Desired(project=self.cluster.desired.project, wishes=wishes))

    def the(self, name: str) -> InstanceState:
        return self.cluster.state.instances[name]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def healthy(self, *names: str) -> None:
        def all_are() -> bool:
            known = self.cluster.state.instances
            return all(name in known and known[name].status is Status.HEALTHY for name in names)

        await self.until(all_are)

    def said(self, kind: Kind) -> list[str]:
        return [event.message for event in self.bus.history() if event.kind is kind]


@pytest.fixture
async def stages() -> AsyncIterator[Callable[[Desired], Stage]]:
    made: list[Stage] = []

    def make(desired: Desired) -> Stage:
        made.append(Stage(desired))
        return made[-1]

    yield make
    for stage in made:
        await stage.cluster.close()
        await stage.tasks.close()


Make = Callable[[Desired], Stage]


async def called(stage: Stage, what: str, times: int = 1) -> None:
    async with asyncio.timeout(5):
        while stage.host.calls.count(what) < times:
            await asyncio.sleep(0)


async def test_from_nothing_to_traffic(stages: Make) -> None:
    stage = stages(desire(a_mill(replicas=2)))
    stage.begin()
    await stage.healthy("mill-v1-1", "mill-v1-2")
    assert stage.host.calls.count("prepare mill") == 1
    assert len(stage.endpoints[-1][EndpointKey("mill", "v1", 8000)]) == 2
    assert stage.host.specs["mill-v1-1"].environment["SANDBOX_INSTANCE"] == "mill-v1-1"


async def test_a_crash_is_followed_by_another_start(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    pid = stage.the("mill-v1-1").pid
    stage.host.end("mill-v1-1", code=1)
    await stage.until(lambda: stage.the("mill-v1-1").status is Status.HEALTHY and stage.the("mill-v1-1").pid != pid)
    assert stage.the("mill-v1-1").restarts == 1
    (crash,) = [event for event in stage.bus.history() if event.kind is Kind.INSTANCE_BACKOFF]
    assert crash.detail == "last words of mill-v1-1"


async def test_an_end_that_is_heard_of_before_its_start_is_not_lost(
    stages: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stage, "driver", SlowToTell)
    stage = stages(desire(a_mill()))
    stage.host.behaviours["mill"] = Behaviour(exits_with=3)
    stage.begin()
    await stage.until(lambda: bool(stage.said(Kind.INSTANCE_BACKOFF)))
    assert "exit code 3" in stage.said(Kind.INSTANCE_BACKOFF)[0]


async def test_an_end_is_not_lost_of_what_had_no_process_any_more_when_its_start_was_told(
    stages: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that ends at once, on a busy machine."""
    monkeypatch.setattr(Stage, "driver", DeadWhenLookedAt)
    stage = stages(desire(a_service("mill", a_version())))  # which nobody finds ready
    stage.begin()
    await stage.until(lambda: "mill-v1-1" in stage.cluster.state.instances and bool(stage.the("mill-v1-1").started_at))
    stage.host.end("mill-v1-1", code=3)
    await stage.until(lambda: bool(stage.said(Kind.INSTANCE_BACKOFF)))
    assert "exit code 3" in stage.said(Kind.INSTANCE_BACKOFF)[0]


async def test_what_cannot_be_prepared_says_why_and_is_tried_again_by_restart(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    failure = RuntimeFailure("no such package", hint="check requirements.txt")
    stage.host.behaviours["mill"] = Behaviour(prepare_error=failure, prepare_output=("resolving", "no such package"))
    stage.begin()
    await stage.until(lambda: bool(stage.said(Kind.BUILD_FAILED)))
    (event,) = [event for event in stage.bus.history() if event.kind is Kind.BUILD_FAILED]
    assert event.message == "mill/v1 could not be prepared: no such package; check requirements.txt"
    assert event.detail == "resolving\nno such package"
    stage.host.behaviours.clear()
    stage.wish(Wishes(generations={"mill": 1}))
    await stage.healthy("mill-v1-1")


async def test_a_defect_of_ours_does_not_leave_a_service_building_for_ever(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.host.behaviours["mill"] = Behaviour(prepare_error=ZeroDivisionError("oops"))  # type: ignore[arg-type]
    stage.begin()
    await stage.until(lambda: bool(stage.said(Kind.BUILD_FAILED)))
    assert "internal error: oops" in stage.said(Kind.BUILD_FAILED)[0]


async def test_a_stopped_service_leaves_traffic_before_it_is_asked_to_end(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    stage.wish(Wishes(stopped=frozenset({"mill"})))
    await stage.until(lambda: stage.endpoints[-1] == {})
    assert "stop mill-v1-1" not in stage.host.calls
    await stage.until(lambda: not stage.cluster.state.instances)
    assert stage.host.running == {}


async def test_an_instance_that_is_stopped_while_it_starts_does_not_run_on(stages: Make) -> None:
    stage, gate = stages(desire(a_mill())), asyncio.Event()
    stage.host.behaviours["mill"] = Behaviour(start_gate=gate)
    stage.begin()
    await called(stage, "start mill-v1-1")
    stage.wish(Wishes(stopped=frozenset({"mill"})))
    await stage.until(lambda: not stage.cluster.state.instances)
    gate.set()
    await called(stage, "stop mill-v1-1", times=2)
    assert stage.host.running == {}


async def test_one_that_is_wanted_again_before_its_start_has_ended_runs_once(stages: Make) -> None:
    stage, gate = stages(desire(a_mill())), asyncio.Event()
    stage.host.behaviours["mill"] = Behaviour(start_gate=gate)
    stage.begin()
    await called(stage, "start mill-v1-1")
    stage.wish(Wishes(stopped=frozenset({"mill"})))
    await stage.until(lambda: not stage.cluster.state.instances)
    stage.wish(Wishes())
    await stage.until(lambda: "mill-v1-1" in stage.cluster.state.instances)
    gate.set()
    await stage.healthy("mill-v1-1")
    assert stage.the("mill-v1-1").pid == stage.host.running["mill-v1-1"].pid
    assert stage.said(Kind.INSTANCE_BACKOFF) == []


async def test_a_stop_that_fails_is_tried_again(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    stop, refusals = stage.cluster._driver.stop, [RuntimeFailure("the engine went away")]

    async def refuse_once(instance: str, grace: float) -> None:
        if refusals:
            raise refusals.pop()
        await stop(instance, grace)

    stage.cluster._driver.stop = refuse_once  # type: ignore[method-assign]
    stage.wish(Wishes(stopped=frozenset({"mill"})))
    await stage.until(lambda: not stage.cluster.state.instances)
    assert (refusals, stage.host.running) == ([], {})


async def test_what_serves_is_started_again_though_the_new_can_not_be_prepared(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    stage.host.behaviours["mill"] = Behaviour(prepare_error=RuntimeFailure("no such package"))
    stage.wish(Wishes(generations={"mill": 1}))
    await stage.until(lambda: bool(stage.said(Kind.BUILD_FAILED)))
    stage.host.end("mill-v1-1", code=1)
    await stage.until(lambda: stage.the("mill-v1-1").restarts == 1 and stage.the("mill-v1-1").ready)
    assert stage.the("mill-v1-1").generation == 0

    stage.host.behaviours.clear()
    stage.wish(Wishes(generations={"mill": 2}))
    await stage.until(lambda: {one.generation for one in stage.cluster.state.instances.values()} == {2})


async def test_what_is_prepared_anew_is_not_called_healthy_and_serves_on(stages: Make) -> None:
    stage, gate = stages(desire(a_mill())), asyncio.Event()
    stage.begin()
    await stage.healthy("mill-v1-1")
    stage.host.behaviours["mill"] = Behaviour(prepare_gate=gate)
    stage.wish(Wishes(generations={"mill": 1}))
    stage.cluster.reconcile()
    (service,) = views.services(stage.cluster.desired, stage.cluster.state, Ingress(gateway=8080, published={}))
    assert service.status is Status.BUILDING
    assert stage.the("mill-v1-1").ready
    gate.set()
    await stage.healthy("mill-v1-2")
    await stage.until(lambda: set(stage.cluster.state.instances) == {"mill-v1-2"})


async def test_once_everything_is_stopped_nothing_starts_again(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    await stage.cluster.stop_everything()
    stage.wish(Wishes(generations={"mill": 1}))
    stage.cluster.reconcile()
    assert stage.host.running == {}
    assert stage.the("mill-v1-1").status is Status.STOPPING


async def test_an_instance_that_can_not_be_stopped_keeps_no_other_running(stages: Make) -> None:
    stage = stages(desire(a_mill(), wishes=Wishes(replicas={VersionKey("mill", "v1"): 2})))
    stage.begin()
    await stage.healthy("mill-v1-1", "mill-v1-2")
    stop = stage.cluster._driver.stop

    async def break_for_the_first(instance: str, grace: float) -> None:
        if instance == "mill-v1-1":
            raise ValueError("a defect of ours")
        await stop(instance, grace)

    stage.cluster._driver.stop = break_for_the_first  # type: ignore[method-assign]
    await stage.cluster.stop_everything()
    assert list(stage.host.running) == ["mill-v1-1"]
    assert any("a defect of ours" in event.message for event in stage.bus.history(0))


async def test_a_retry_prepares_what_could_not_be_prepared(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.host.behaviours["mill"] = Behaviour(prepare_error=RuntimeFailure("no such package"))
    stage.begin()
    await stage.until(lambda: bool(stage.said(Kind.BUILD_FAILED)))
    stage.host.behaviours["mill"] = Behaviour()
    stage.cluster.retry({"mill"})
    await stage.healthy("mill-v1-1")


async def test_a_retry_leaves_alone_what_serves(stages: Make) -> None:
    stage = stages(desire(a_mill(), wishes=Wishes(replicas={VersionKey("mill", "v1"): 2})))
    stage.begin()
    await stage.healthy("mill-v1-1", "mill-v1-2")
    running = stage.host.running["mill-v1-2"]
    stage.host.behaviours["mill"] = Behaviour(start_error=RuntimeFailure("the engine is busy"))
    stage.host.end("mill-v1-1", signal=9)
    await stage.until(lambda: stage.the("mill-v1-1").streak > 1)
    stage.host.behaviours["mill"] = Behaviour()
    stage.cluster.retry({"mill"})
    await stage.healthy("mill-v1-1", "mill-v1-2")
    assert set(stage.cluster.state.instances) == {"mill-v1-1", "mill-v1-2"}
    assert stage.host.running["mill-v1-2"] == running


async def test_scaling_and_restarting(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    stage.wish(Wishes(replicas={VersionKey("mill", "v1"): 3}))
    await stage.healthy("mill-v1-1", "mill-v1-2", "mill-v1-3")
    fewest = len(stage.endpoints)
    stage.wish(Wishes(replicas={VersionKey("mill", "v1"): 3}, generations={"mill": 1}))
    await stage.until(
        lambda: (
            all(one.generation == 1 and one.ready for one in stage.cluster.state.instances.values())
            and len(stage.cluster.state.instances) == 3
        )
    )
    key = EndpointKey("mill", "v1", 8000)
    assert min(len(endpoints[key]) for endpoints in stage.endpoints[fewest - 1 :]) == 3


async def test_new_code_that_ends_at_once_leaves_the_old_serving_until_the_next_is_good(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    stage.host.behaviours["mill-v1-2"] = Behaviour(exits_with=1)
    stage.wish(Wishes(generations={"mill": 1}))
    await stage.until(lambda: "mill-v1-2" in stage.cluster.state.instances and stage.the("mill-v1-2").streak > 1)
    assert stage.the("mill-v1-1").ready
    del stage.host.behaviours["mill-v1-2"]
    stage.wish(Wishes(generations={"mill": 2}))
    await stage.until(lambda: all(one.generation == 2 and one.ready for one in stage.cluster.state.instances.values()))
    assert set(stage.host.running) == set(stage.cluster.state.instances)


async def test_how_a_version_is_watched_and_drained_is_no_reason_to_prepare_it_anew(
    stages: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []

    async def drained(driver: Driver, instance: InstanceState, limit: float) -> bool:
        limits.append(limit)
        return True

    monkeypatch.setattr(clusters, "drained", drained)
    service = a_mill()
    stage = stages(desire(service))
    stage.begin()
    await stage.healthy("mill-v1-1")
    changed = replace(service.versions[0], reload=ReloadSettings(watch=False, drain=60.0))
    stage.cluster.wish(desire(replace(service, versions=(changed,)), wishes=Wishes(stopped=frozenset({"mill"}))))
    await stage.until(lambda: not stage.cluster.state.instances)
    assert stage.host.calls.count("prepare mill") == 1
    assert limits == [60.0]


async def test_what_does_not_finish_in_time_is_cut_and_told(stages: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def drained(driver: Driver, instance: InstanceState, limit: float) -> bool:
        return False

    monkeypatch.setattr(clusters, "drained", drained)
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    stage.wish(Wishes(generations={"mill": 1}))
    await stage.until(lambda: set(stage.cluster.state.instances) == {"mill-v1-2"})
    assert "stop mill-v1-1" in stage.host.calls
    assert stage.said(Kind.NOTICE) == ["mill-v1-1 still had connections 10 s after it left traffic; they are cut"]


@pytest.mark.parametrize("warm", [True, False])
async def test_warm_starts_can_be_turned_off(stages: Make, warm: bool) -> None:
    service = a_mill()
    version = replace(service.versions[0], reload=ReloadSettings(warm=warm))
    stage = stages(desire(replace(service, versions=(version,))))
    stage.begin()
    await stage.healthy("mill-v1-1")
    assert stage.host.specs["mill-v1-1"].workload.warm is warm


async def test_the_line_that_ended_new_code_is_found_in_what_it_printed(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    stage.words["mill-v1-2"] = ['  File "/app/grind.py", line 7, in <module>', "KeyError: 'stone'"]
    stage.host.behaviours["mill-v1-2"] = Behaviour(exits_with=1)
    stage.wish(Wishes(reloads={VersionKey("mill", "v1"): 1}))
    await stage.until(lambda: "mill-v1-2" in stage.cluster.state.instances and stage.the("mill-v1-2").streak > 1)
    assert stage.the("mill-v1-2").ended == "grind.py:7: KeyError: 'stone'"
    told = stage.said(Kind.INSTANCE_BACKOFF)[0]
    assert told == "mill-v1-2 ended: grind.py:7: KeyError: 'stone' (exit code 1); next start in 0.25 s"
    del stage.host.behaviours["mill-v1-2"]
    await stage.healthy("mill-v1-2")
    assert stage.the("mill-v1-2").ended is None


async def test_a_new_supervisor_takes_over_what_the_old_one_started(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    await stage.taken_over()
    assert stage.the("mill-v1-1").ready
    starts = stage.host.calls.count("start mill-v1-1")
    stage.begin()
    await stage.until(lambda: bool(stage.cluster.state.versions))
    await stage.healthy("mill-v1-1")
    assert stage.host.calls.count("start mill-v1-1") == starts == 1


async def test_what_was_asked_to_stop_finishes_what_it_was_asked_under_a_new_supervisor(
    stages: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    drains, finished = list[str](), asyncio.Event()

    async def drained(driver: Driver, instance: InstanceState, limit: float) -> bool:
        drains.append(instance.id)
        stage.changed.set()
        return await finished.wait()

    monkeypatch.setattr(clusters, "drained", drained)
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    stage.wish(Wishes(generations={"mill": 1}))
    await stage.until(lambda: drains == ["mill-v1-1"])
    await stage.taken_over()
    assert "stop mill-v1-1" not in stage.host.calls

    stage.begin()
    await stage.until(lambda: drains == ["mill-v1-1", "mill-v1-1"])
    assert stage.the("mill-v1-1").status is Status.STOPPING
    assert [one.port for one in stage.endpoints[-1][EndpointKey("mill", "v1", 8000)]] == [20000]
    assert set(stage.host.running) == {"mill-v1-1", "mill-v1-2"}
    finished.set()
    await stage.until(lambda: set(stage.cluster.state.instances) == {"mill-v1-2"})
    assert set(stage.host.running) == {"mill-v1-2"}


@pytest.mark.parametrize("code", [0, 1])
async def test_a_job_that_is_over_is_not_run_again_by_a_new_supervisor(stages: Make, code: int) -> None:
    stage = stages(desire(a_service("sow", replace(a_version(), healthcheck=QUICK, restart=RestartPolicy.NO))))
    stage.host.behaviours["sow"] = Behaviour(exits_with=code)
    over = Status.FAILED if code else Status.STOPPED

    async def ends() -> None:
        await stage.until(lambda: [one.status for one in stage.cluster.state.instances.values()] == [over])

    stage.begin()
    await ends()
    await stage.taken_over()
    stage.begin()
    await stage.until(lambda: [one.status for one in stage.cluster.state.versions.values()] == [Status.HEALTHY])
    stage.cluster.reconcile()
    await ends()
    assert stage.host.calls.count("start sow-v1-1") == 1

    await stage.taken_over(ended=False)  # with everything else started from nothing
    stage.begin()
    await called(stage, "start sow-v1-1", times=2)


async def test_what_nobody_remembers_is_ended(stages: Make) -> None:
    stage = stages(desire(a_mill()))
    stage.begin()
    await stage.healthy("mill-v1-1")
    assert await adopt(FakeDriver(stage.host), [], stage.cluster.desired.project) == []
    assert "stop mill-v1-1" in stage.host.calls
