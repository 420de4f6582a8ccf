"""The saves of one service, on their way from a difference to a change. Pure: the clock is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.reload import notices
from sandbox.reload.change import SHOWN, Action, Change, Notice, Reaction
from sandbox.reload.decide import Changed, decide
from sandbox.reload.flaps import Flaps, subject_of
from sandbox.reload.layout import Layout
from sandbox.reload.settle import STREAM_FROM, Save, Settle, Signature

_NO_RELOAD = frozenset({Action.SYNC, Action.SYNC_EXEC})

_CLOSED, _UNLOCKED = 0.015, 0.030
"""Seconds after which it is asked again whether a file is still written, and whether git is still at work."""

_NOTICED_WITHIN = 1.0

_OWED = 1000
"""Files of one service whose last change is kept while they are held; a reload because of any of them brings in all."""


@dataclass(slots=True)
class _Owed:
    """A held file: what it was when the service last reloaded, and what it is."""

    changed: Changed
    subject: str
    before: Signature | None
    now: Signature | None


@dataclass(slots=True)
class Lane:
    """`service` is None for the project's own files. `now` is of a steady clock, in seconds."""

    service: str | None
    settle: Settle = field(default_factory=Settle)
    _flaps: Flaps = field(default_factory=Flaps)
    _files: dict[str, Changed] = field(default_factory=dict)
    _subjects: dict[str, str] = field(default_factory=dict)
    _owed: dict[str, _Owed] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)
    _under_way: bool = False
    _is_told: bool = False

    def reloaded(self) -> None:
        """What the last change asked for is done, or has failed. Whoever never says so has no reload under way."""
        self._under_way, self._is_told = False, True

    def reloads_by_hand(self, now: float) -> None:
        """Whatever is held is brought in by that."""
        self._under_way = self._is_told
        applied = set(self._flaps.let_all_go(now))
        self._owed = {path: owed for path, owed in self._owed.items() if owed.subject not in applied}

    def drop(self, now: float) -> None:
        """What was saved until now is not to be told."""
        self.settle.take(now)
        self._files, self._subjects = {}, {}

    def note(self, changed: Changed, before: Signature | None, after: Signature | None, now: float) -> None:
        path, subject = changed.path, subject_of(changed.path, is_new=before is None)
        if path not in self.settle.pending and self._flaps.held(subject, now, during=self._under_way):
            known = self._owed.pop(path, None)
            if len(self._owed) < _OWED:
                self._owed[path] = _Owed(changed, subject, known.before if known else before, after)
        else:
            self._hand_on(changed, subject, before, after, now)

    def let_go(self, now: float) -> None:
        """What was held, and has been quiet for long enough, counts as saved now."""
        self._pay(self._flaps.let_go(now), now)

    def new_rules(self, now: float) -> None:
        """Nothing is held any more."""
        self._pay(self._flaps.let_all_go(now), now)
        self._flaps.forget()

    def forget_ignored(self, is_ignored: Callable[[str], bool]) -> None:
        """Ignore files changed: what they cover now is nobody's business."""
        self._flaps.drop(lambda subject: is_ignored(subject.replace("*", "any")))
        self._owed = {path: owed for path, owed in self._owed.items() if not is_ignored(path)}

    def alarms(self, now: float) -> Iterator[float]:
        """When something is to be done though nothing comes."""
        due, let_go = self.settle.due(), self._flaps.due()
        if let_go is not None:
            yield let_go
        if due is not None and self.settle.held_open:
            yield min(due, now + _CLOSED)
        elif due is not None:
            yield due if due > now else now + _UNLOCKED

    def take(self, layout: Layout, now: float, to_wall: Callable[[float], float]) -> Change | None:
        """What is over: None when there is nothing to do after all."""
        save, files, subjects = self.settle.take(now), self._files, self._subjects
        self._files, self._subjects = {}, {}
        if save is None:
            return None
        reactions = self._reactions(layout, save, files)
        if self.service is not None and not reactions:
            return None
        if len(save.paths) + save.more < STREAM_FROM and any(
            one.action not in _NO_RELOAD for one in reactions.values()
        ):
            during, self._under_way = self._under_way, self._is_told
            self._flaps.reloads([subjects[path] for path in save.paths], now, during=during)
        return Change(
            service=self.service,
            reactions=reactions,
            paths=tuple(Path(path) for path in save.paths[:SHOWN]),
            count=len(save.paths) + save.more,
            saved=_saved(save, to_wall(save.first)),
            seen=to_wall(save.first),
            decided=to_wall(now),
        )

    def standing(self, layout: Layout, now: float) -> Iterator[Notice]:
        """What a person should do something about, for as long as that is so."""
        for subject in self._flaps.standing(now):
            yield notices.flaps(self.service or "", subject, layout)

    def news(self, layout: Layout, now: float) -> list[Notice]:
        """What is standing and was not told yet."""
        standing = list(self.standing(layout, now))
        new = [notice for notice in standing if notice.message not in self._warned]
        self._warned = {notice.message for notice in standing}
        return new

    def _hand_on(
        self, changed: Changed, subject: str, before: Signature | None, after: Signature | None, now: float
    ) -> None:
        self.settle.note(changed.path, before, after, now)
        if changed.path in self.settle.pending:
            self._files[changed.path] = changed
            self._subjects.setdefault(changed.path, subject)

    def _pay(self, subjects: Iterable[str], now: float) -> None:
        let_go = set(subjects)
        for path, owed in list(self._owed.items()):
            if owed.subject in let_go:
                del self._owed[path]
                self._hand_on(owed.changed, owed.subject, owed.before, owed.now, now)

    def _reactions(self, layout: Layout, save: Save, files: dict[str, Changed]) -> dict[str, Reaction]:
        if self.service is None:
            return {}
        changed = [files[path] for path in save.paths]
        return dict(decide(layout, self.service, changed, incomplete=save.more > 0))


def _saved(save: Save, seen: float) -> float:
    """Files may come with any time of modification; one shortly before they were noticed is that of the save."""
    return min((at for at in save.modified if seen - _NOTICED_WITHIN <= at <= seen), default=seen)
