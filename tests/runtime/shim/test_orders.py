"""What the shim tells whom, with clients and children that only say that they are some."""

from __future__ import annotations

from typing import Any, cast

from sandbox.runtime.shim.child import SERVICE, Child, Spec, Tail
from sandbox.runtime.shim.family import Ending, Family
from sandbox.runtime.shim.loop import Loop
from sandbox.runtime.shim.orders import Shim
from sandbox.runtime.shim.server import Client

TOKEN = "0" * 32


class Listener:
    def __init__(self, shim: Shim, *, dead: bool) -> None:
        self.roles = {SERVICE}
        self.heard: list[dict[str, Any]] = []
        self._shim = shim
        self._dead = dead

    def tell(self, message: dict[str, Any]) -> None:
        if self._dead:  # it is noticed by writing to it
            self._shim.clients.remove(cast(Client, self))
        else:
            self.heard.append(message)


def a_child(name: str, pid: int = 7) -> Child:
    spec = Spec(id=name, role=SERVICE, argv=("true",), cwd="/", env={})
    return Child(spec, pid, f"{TOKEN}:{name}", -1, Tail(), status=0)


def test_an_end_is_told_to_everybody_though_one_of_them_is_found_dead() -> None:
    shim = Shim(Loop(), TOKEN)
    dead, living = Listener(shim, dead=True), Listener(shim, dead=False)
    shim.clients = [cast(Client, dead), cast(Client, living)]
    shim._gone(a_child("mill"))
    assert [message["exit"]["id"] for message in living.heard] == ["mill"]


def test_a_child_with_the_pid_of_an_earlier_one_is_still_waited_for() -> None:
    """What came from a process may live longer than its pid is kept from others."""
    family = Family(Loop(), TOKEN, lambda child: None)
    old, new = a_child("old"), a_child("new")
    family.children = {"old": old, "new": new}
    family._by_pid = {7: new}
    family._endings = {"old": Ending(old, 0.0, set())}
    family._over(old)
    assert family._by_pid == {7: new}
