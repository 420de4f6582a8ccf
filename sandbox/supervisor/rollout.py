"""How one version's instances become the ones that are wanted: beside the old ones, one by one, and back out of harm's
way when the new ones are no good. Pure.

What is old serves until something new is ready in its place. New instances take free numbers, so both can run side by
side; numbers that became free are used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sandbox.control import Status
from sandbox.supervisor.desired import VersionKey, WantedInstance, seat
from sandbox.supervisor.state import LIVE, InstanceState, still_waits


@dataclass(frozen=True, slots=True)
class Target:
    """What a version should be: `workload` changes when it must be prepared anew, `fingerprint` when its instances
    must be replaced (None as long as it is not prepared). `beside`: two generations may run at the same time; what
    writes to a volume may not. `last`: the fingerprint with what was prepared before, None when nothing was."""

    workload: str
    fingerprint: str | None
    beside: bool = True
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    wanted: WantedInstance
    fingerprint: str
    generation: int


@dataclass(frozen=True, slots=True)
class Stop:
    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop what is known of an instance that does not run and is not wanted."""

    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One version: what is wanted of it and what there is."""

    key: VersionKey
    count: int
    target: Target
    generation: int
    known: Sequence[InstanceState]
    may_begin: bool  # what it depends on is there
    now: float
    by_hand: bool = False  # a person stopped the service

    @property
    def unwanted(self) -> str:
        return "was stopped by hand" if self.by_hand else "is no longer wanted"

    @property
    def fresh(self) -> list[InstanceState]:
        """Made from what is wanted, whether they run, failed or finished."""
        return [one for one in self.known if one.status is not Status.STOPPING and not self.is_old(one)]

    @property
    def extra(self) -> list[InstanceState]:
        """Of these, what is more than wanted: the ill and the last ones first."""
        return sorted(self.fresh, key=_dispensable)[: max(0, len(self.fresh) - self.count)]

    @property
    def old(self) -> list[InstanceState]:
        return [one for one in self.known if one.status in LIVE and self.is_old(one)]

    @property
    def dead(self) -> list[InstanceState]:
        """Made from something else, and not running."""
        gone = (Status.STOPPING, *LIVE)
        return [one for one in self.known if one.status not in gone and self.is_old(one)]

    def is_old(self, instance: InstanceState) -> bool:
        """While the new is being prepared, nothing is old: the old one must serve until the new one can start."""
        if self.target.fingerprint is None:
            return False
        return instance.fingerprint != self.target.fingerprint or instance.generation < self.generation


def roll(scene: Scene) -> Iterator[Start | Stop | Forget]:
    """Everything that can be done for the version now."""
    yield from _surplus(scene)
    yield from (Forget(one.id) for one in scene.dead)
    yield from _retire(scene)
    yield from _again(scene)
    yield from _begin(scene)


def free_numbers(taken: Sequence[int]) -> Iterator[int]:
    number = 0
    while True:
        number += 1
        if number not in taken:
            yield number


def _surplus(scene: Scene) -> Iterator[Stop | Forget]:
    """More than wanted."""
    for one in scene.extra:
        yield Stop(one.id, scene.unwanted) if one.status in LIVE else Forget(one.id)


def _retire(scene: Scene) -> Iterator[Stop]:
    """Old ones whose place is taken; without overlap, the one whose place is wanted next."""
    ready = sum(one.ready for one in scene.fresh)
    places = max(0, scene.count - ready)
    leaving = sorted(scene.old, key=_dispensable)[: max(0, len(scene.old) - places)]
    if not scene.target.beside and not leaving and scene.old and _all_serve(scene):
        leaving = sorted(scene.old, key=_ill_then_first)[:1]
    why = _why(scene)
    yield from (Stop(one.id, why(one)) for one in leaving)


def _all_serve(scene: Scene) -> bool:
    """Whether taking one away leaves all others ready; one that is not ready may go at any time."""
    leaving = any(one.status is Status.STOPPING for one in scene.known)
    running = [*scene.fresh, *scene.old]
    return not leaving and (all(one.ready for one in running) or any(not one.ready for one in scene.old))


def _again(scene: Scene) -> Iterator[Start]:
    """Those whose pause is over. While the new is being prepared, or can't be, as they were: they serve until then."""
    fingerprint = scene.target.fingerprint or scene.target.last
    extra = scene.extra
    for one in scene.fresh:
        due = not still_waits(one.retry_at, scene.now)
        if one.status is Status.BACKOFF and due and fingerprint is not None and one not in extra:
            generation = one.generation if scene.target.fingerprint is None else scene.generation
            yield Start(seat(scene.key, one.index), fingerprint, generation)


def _begin(scene: Scene) -> Iterator[Start]:
    if scene.target.fingerprint is None or not (scene.may_begin or scene.old or scene.fresh):
        return
    numbers = free_numbers([one.index for one in scene.known])
    for _ in range(_openings(scene)):
        yield Start(seat(scene.key, next(numbers)), scene.target.fingerprint, scene.generation)


def _openings(scene: Scene) -> int:
    """How many may be started now: all at once where nothing serves yet, else one, and the next when it is ready."""
    missing = scene.count - len(scene.fresh)
    if missing <= 0:
        return 0
    if not scene.old:
        leaving = sum(one.status is Status.STOPPING for one in scene.known)
        return missing if scene.target.beside else max(0, missing - leaving)
    if not scene.target.beside:
        room = scene.count - sum(one.status in (*LIVE, Status.STOPPING) for one in scene.known)
        return max(0, min(missing, room))
    if any(not one.ready for one in scene.fresh):
        return 0
    return min(1, max(0, scene.count + 1 - len(scene.fresh) - len(scene.old)))


def _why(scene: Scene) -> Callable[[InstanceState], str]:
    def why(instance: InstanceState) -> str:
        if scene.count == 0:
            return scene.unwanted
        return "is restarted" if instance.generation < scene.generation else "its configuration changed"

    return why


def _dispensable(instance: InstanceState) -> tuple[bool, int]:
    return instance.ready, -instance.index


def _ill_then_first(instance: InstanceState) -> tuple[bool, int]:
    return instance.ready, instance.index
