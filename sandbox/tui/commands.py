"""Everything there is, by its name: what the command palette offers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from textual.command import DiscoveryHit, Hit, Hits, Provider

from sandbox.tui.looking import changes
from sandbox.tui.picture import Picture
from sandbox.tui.places import PLACES
from sandbox.tui.steering import MENU
from sandbox.tui.themes import THEMES


class Offer(NamedTuple):
    """action: as in a binding. first: offered before anything is typed."""

    name: str
    help: str
    action: str
    first: bool = False


def offers(picture: Picture) -> Iterator[Offer]:
    """What can be done now and from here."""
    return (one for one in _all(picture) if not (picture.looks_only and changes(one.action)))


def _all(picture: Picture) -> Iterator[Offer]:
    for place in PLACES:
        yield Offer(f"Go to {place.name}", f"{place.key} · {place.meaning}", f"app.go({place.name!r})", True)
    yield Offer("Why: what is wrong", "y · what it comes from, and what to do", "app.why", True)
    yield Offer("Undo the last change of the traffic", "u · shows it first", "app.undo", True)
    yield Offer("Send a little traffic", "g · or stop it", "app.load", True)
    yield Offer("Keys of this screen", "?", "app.help", True)
    yield Offer("Tour", "one minute", "app.tour", True)
    yield Offer("Quit", "q · the cluster keeps running", "app.leave", True)
    yield Offer("Stop the whole cluster", "D · asks first", "app.ask_for_down", True)
    yield from _of_trials(picture)
    for theme in THEMES:
        yield Offer(f"Theme {theme}", "how the screen is coloured", f"app.take_theme({theme!r})")
    for service in picture.services:
        yield from _of_service(service.name)


def _of_trials(picture: Picture) -> Iterator[Offer]:
    traffic = picture.traffic
    if traffic and (traffic.trial or traffic.ramps):
        yield Offer("Keep what is being tried", "K", "app.keep", True)
        yield Offer("Go back from what is being tried or ramped", "B", "app.go_back", True)


def _of_service(name: str) -> Iterator[Offer]:
    yield Offer(f"Open {name}", "instances, charts, log, environment, rules, events, why", f"app.open({name!r})")
    yield Offer(f"Why is {name} as it is", "diagnosis", f"app.why({name!r})")
    yield Offer(f"Log of {name}", "what it prints", f"app.logs_of({name!r})")
    yield Offer(f"Traces of {name}", "requests that went through it", f"app.traces_of({name!r})")
    yield Offer(f"Restart {name}", "all its instances", f"app.order('restart', {name!r})")
    yield Offer(f"Stop or start {name}", "the rest runs on", f"app.order('stop_or_start', {name!r})")
    for action, words in MENU:
        title, _, rest = words.partition(": ")
        yield Offer(f"{title.capitalize()} of {name}", rest, f"app.steer({action.value!r}, {name!r})")


class Commands(Provider):
    def _offers(self) -> Iterator[Offer]:
        picture = getattr(self.app, "picture", None)
        return offers(picture) if isinstance(picture, Picture) else iter(())

    async def discover(self) -> Hits:
        for offer in self._offers():
            if offer.first:
                yield DiscoveryHit(offer.name, partial(self.app.run_action, offer.action), help=offer.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            if (score := matcher.match(offer.name)) > 0:
                command = partial(self.app.run_action, offer.action)
                yield Hit(score, matcher.highlight(offer.name), command, help=offer.help)
