"""The saves of one service, on their way from a difference to a change. Pure: the clock is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.reload.change import SHOWN, Action, Change, Notice, Reaction
from sandbox.reload.decide import Changed, decide
from sandbox.reload.flaps import Flaps
from sandbox.reload.layout import Layout
from sandbox.reload.settle import STREAM_FROM, Save, Settle, Signature

_NO_RELOAD = frozenset({Action.SYNC, Action.SYNC_EXEC})


@dataclass(slots=True)
class Lane:
    """`service` is None for the project's own files. `now` is of a steady clock, in seconds."""

    service: str | None
    settle: Settle = field(default_factory=Settle)
    flaps: Flaps = field(default_factory=Flaps)
    _files: dict[str, Changed] = field(default_factory=dict)
    _under_way: bool = False
    _is_told: bool = False

    def reloaded(self) -> None:
        """What the last change asked for is done, or has failed. Whoever never says so has no reload under way."""
        self._under_way, self._is_told = False, True

    def note(self, changed: Changed, before: Signature | None, after: Signature | None, now: float) -> None:
        if not self.flaps.held(changed.path, now):
            self.settle.note(changed.path, before, after, now)
            if changed.path in self.settle.pending:
                self._files[changed.path] = changed

    def take(self, layout: Layout, now: float, to_wall: Callable[[float], float]) -> tuple[Change | None, list[Notice]]:
        """What is over: None when there is nothing to do after all."""
        save, files = self.settle.take(now), self._files
        self._files = {}
        if save is None:
            return None, []
        reactions = self._reactions(layout, save, files)
        if self.service is not None and not reactions:
            return None, []
        change = Change(
            service=self.service,
            reactions=reactions,
            paths=tuple(Path(path) for path in save.paths[:SHOWN]),
            count=len(save.paths) + save.more,
            seen=to_wall(save.first),
            decided=to_wall(now),
        )
        return change, list(self._held_from_now_on(save, change, now))

    def _reactions(self, layout: Layout, save: Save, files: dict[str, Changed]) -> dict[str, Reaction]:
        if self.service is None:
            return {}
        changed = [files[path] for path in save.paths]
        return dict(decide(layout, self.service, changed, incomplete=save.more > 0))

    def _held_from_now_on(self, save: Save, change: Change, now: float) -> Iterator[Notice]:
        reloads = any(reaction.action not in _NO_RELOAD for reaction in change.reactions.values())
        if not reloads or change.count >= STREAM_FROM:
            return
        during, self._under_way = self._under_way, self._is_told
        for path in self.flaps.reloads(save.paths, now, during=during):
            yield Notice(
                message=f"{self.service} seems to change {Path(path).name} itself, and reloads because of it",
                hint=f"add {Path(path).name} to the service's develop.watch ignore or to .gitignore; until then, or "
                f"until it is quiet for a minute, its changes reload nothing",
                service=self.service,
                path=Path(path),
            )
