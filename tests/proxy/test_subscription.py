"""The protocol's state against a client that may be slow, refuse, ask again and come back."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sandbox.proxy.resource import Kind, Resource
from sandbox.proxy.subscription import Aim, Request, Response, Subscription


def a_resource(name: str, version: str = "1") -> Resource:
    return Resource(name, version, b"")


def resources(**versions: str) -> dict[str, Resource]:
    return {name: a_resource(name, version) for name, version in versions.items()}


def sent(response: Response | None) -> tuple[dict[str, str], tuple[str, ...]]:
    assert response is not None
    return {one.name: one.version for one in response.resources}, response.removed


def accept(subscription: Subscription) -> tuple[dict[str, str], tuple[str, ...]]:
    response = subscription.respond()
    assert response is not None
    subscription.receive(Request(nonce=response.nonce))
    return sent(response)


def test_everything_is_sent_once_and_then_only_what_changed() -> None:
    clusters = Subscription(Kind.CLUSTER, Aim(resources(a="1", b="1")))
    assert clusters.respond() is None
    clusters.receive(Request())
    assert accept(clusters) == ({"a": "1", "b": "1"}, ())
    assert clusters.respond() is None
    clusters.aim(Aim(resources(a="2", c="1")))
    assert accept(clusters) == ({"a": "2", "c": "1"}, ("b",))
    assert clusters.settled


def test_a_client_that_comes_back_is_sent_what_differs() -> None:
    clusters = Subscription(Kind.CLUSTER, Aim(resources(a="1", b="2")))
    clusters.receive(Request(initial={"a": "1", "b": "1", "c": "1"}))
    assert accept(clusters) == ({"b": "2"}, ("c",))


def test_a_client_that_comes_back_to_the_same_is_sent_nothing() -> None:
    clusters = Subscription(Kind.CLUSTER, Aim(resources(a="1")))
    clusters.receive(Request(initial={"a": "1"}))
    assert clusters.respond() is None
    assert clusters.settled


def test_nothing_is_taken_from_a_client_before_there_is_an_aim() -> None:
    clusters = Subscription(Kind.CLUSTER, None)
    clusters.receive(Request(initial={"a": "1"}))
    assert clusters.respond() is None
    clusters.aim(Aim(resources(b="1"), keep=True))
    assert accept(clusters) == ({"b": "1"}, ())
    clusters.aim(Aim(resources(b="1")))
    assert accept(clusters) == ({}, ("a",))


def test_a_new_client_is_greeted_even_with_nothing() -> None:
    clusters = Subscription(Kind.CLUSTER, None)
    clusters.receive(Request())
    assert accept(clusters) == ({}, ())
    assert clusters.respond() is None


def test_named_resources_are_sent_when_asked_for_and_again_when_asked_again() -> None:
    routes = Subscription(Kind.ROUTES, Aim(resources(a="1", b="1")))
    routes.receive(Request(subscribe=("a",)))
    assert accept(routes) == ({"a": "1"}, ())
    assert not routes.settled
    routes.receive(Request(subscribe=("a", "b")))
    assert accept(routes) == ({"a": "1", "b": "1"}, ())
    assert routes.settled


def test_what_does_not_exist_is_said_to_be_absent_until_it_comes() -> None:
    routes = Subscription(Kind.ROUTES, Aim({}))
    routes.receive(Request(subscribe=("a",)))
    assert accept(routes) == ({}, ("a",))
    assert routes.respond() is None
    routes.aim(Aim(resources(a="1")))
    assert accept(routes) == ({"a": "1"}, ())


def test_what_is_refused_is_sent_again_only_when_it_has_changed() -> None:
    clusters = Subscription(Kind.CLUSTER, Aim(resources(a="bad", b="1")))
    clusters.receive(Request())
    response = clusters.respond()
    assert response is not None
    clusters.receive(Request(nonce=response.nonce, error="no"))
    assert clusters.respond() is None
    assert clusters.settled
    assert [rejection.error for rejection in clusters.rejections] == ["no"]
    clusters.aim(Aim(resources(b="1", a="good")))
    assert accept(clusters) == ({"a": "good"}, ())
    assert [sorted(rejection.versions) for rejection in clusters.rejections] == [["b"]]


def test_after_a_refusal_the_way_back_is_sent_whole() -> None:
    """The client may have taken some of what it refused."""
    clusters = Subscription(Kind.CLUSTER, Aim(resources(a="1")))
    clusters.receive(Request())
    accept(clusters)
    clusters.aim(Aim(resources(a="2", b="1")))
    response = clusters.respond()
    assert response is not None
    clusters.receive(Request(nonce=response.nonce, error="no"))
    clusters.aim(Aim(resources(a="1")))
    assert accept(clusters) == ({"a": "1"}, ("b",))
    assert clusters.settled


def test_a_refusal_that_comes_late_is_none_of_what_has_taken_its_place() -> None:
    clusters = Subscription(Kind.CLUSTER, Aim(resources(a="bad", b="1")))
    clusters.receive(Request())
    response = clusters.respond()
    assert response is not None
    clusters.aim(Aim(resources(a="good", b="1")))
    clusters.receive(Request(nonce=response.nonce, error="no"))
    assert clusters.rejections == []
    assert accept(clusters) == ({"a": "good", "b": "1"}, ())
    assert clusters.settled


def test_an_answer_to_nothing_of_ours_is_ignored() -> None:
    clusters = Subscription(Kind.CLUSTER, Aim(resources(a="1")))
    clusters.receive(Request(nonce="stale", error="no"))
    assert clusters.rejections == []
    assert accept(clusters) == ({"a": "1"}, ())


def test_what_is_on_demand_waits_to_be_asked_for() -> None:
    lazy = Resource("lazy", "1", b"", on_demand=True)
    clusters = Subscription(Kind.CLUSTER, Aim({"lazy": lazy, **resources(a="1")}))
    clusters.receive(Request(subscribe=("*",)))
    assert accept(clusters) == ({"a": "1"}, ())
    assert clusters.settled
    clusters.receive(Request(subscribe=("lazy",)))
    assert accept(clusters) == ({"lazy": "1"}, ())


NAMES = st.sampled_from("abcde")
TARGETS = st.dictionaries(NAMES, st.sampled_from(["1", "2", "bad"]), max_size=5)


class Conversation(RuleBasedStateMachine):
    """A client that refuses what is `bad`, takes its time, asks again and reconnects."""

    kind = Kind.CLUSTER

    def __init__(self) -> None:
        super().__init__()
        self.target: dict[str, Resource] = {}
        self.has: dict[str, str] = {}
        self.wanted: set[str] = set()
        self.unanswered: list[Response] = []
        self.connect()

    def connect(self) -> None:
        self.server = Subscription(self.kind, Aim(self.target))
        self.unanswered = []
        self.server.receive(Request(subscribe=tuple(self.wanted), initial=dict(self.has)))

    @rule()
    def reconnects(self) -> None:
        self.connect()

    @rule(versions=TARGETS)
    def aims(self, versions: dict[str, str]) -> None:
        self.target = resources(**versions)
        self.server.aim(Aim(self.target))

    @rule(name=NAMES)
    def subscribes(self, name: str) -> None:
        if self.kind is Kind.ROUTES:
            self.wanted.add(name)
            self.server.receive(Request(subscribe=(name,)))

    @rule(name=NAMES)
    def unsubscribes(self, name: str) -> None:
        if name in self.wanted:
            self.wanted.discard(name)
            self.has.pop(name, None)
            self.server.receive(Request(unsubscribe=(name,)))

    @rule()
    def is_sent_something(self) -> None:
        if (response := self.server.respond()) is not None:
            self.unanswered.append(response)

    @precondition(lambda self: self.unanswered)
    @rule()
    def answers(self) -> None:
        response = self.unanswered.pop(0)
        if any(one.version == "bad" for one in response.resources):
            self.server.receive(Request(nonce=response.nonce, error="bad"))
            return
        mine = self.wanted if self.kind is Kind.ROUTES else {one.name for one in response.resources}
        self.has.update({one.name: one.version for one in response.resources if one.name in mine})
        for name in response.removed:
            self.has.pop(name, None)
        self.server.receive(Request(nonce=response.nonce))

    @invariant()
    def is_quiet_only_when_the_client_has_what_it_can_take(self) -> None:
        if self.unanswered or self.server.due:
            return
        refused = {name for rejection in self.server.rejections for name in rejection.versions}
        for name, one in self.target.items():
            if (name in self.wanted or self.kind is Kind.CLUSTER) and name not in refused:
                assert self.has.get(name) == one.version
        if self.kind is Kind.CLUSTER:
            assert self.has.keys() - refused <= self.target.keys()


class NamedConversation(Conversation):
    kind = Kind.ROUTES


TestConversation = Conversation.TestCase
TestNamedConversation = NamedConversation.TestCase
for case in (TestConversation, TestNamedConversation):
    case.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
