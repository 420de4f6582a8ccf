"""What clients may ask for, and how the shim itself ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from sandbox.runtime.shim.child import (
    COMMAND,
    DAEMON,
    LONGEST_ID,
    PROXY,
    ROLES,
    SERVICE,
    ZYGOTE,
    Child,
    Sink,
    Spec,
    Tail,
)
from sandbox.runtime.shim.exits import Exit, Exits
from sandbox.runtime.shim.family import Family
from sandbox.runtime.shim.journal import Journal
from sandbox.runtime.shim.loop import Loop
from sandbox.runtime.shim.memory import Look
from sandbox.runtime.shim.oom import OutOfMemory
from sandbox.runtime.shim.restart import Restarts
from sandbox.runtime.shim.server import Client
from sandbox.runtime.shim.wire import Message, OrderError, mapping, number, text, texts
from sandbox.runtime.shim.zygote import Zygote

PROTOCOL = 1

_LONGEST_GRACE = 3600.0
_LONGEST_COMMAND = 3600.0
_MOST_LOOKS = 500  # for strays that survive SIGKILL, which hang in the kernel
_LAST_GRACE = 5.0  # seconds the proxy and the daemons get at the end; services get what the order says


class Shim:
    def __init__(self, loop: Loop, token: str) -> None:
        self._loop = loop
        self._family = Family(loop, token, self._gone)
        self._exits = Exits()
        self._restarts = Restarts(loop, self._start_kept)
        self._zygotes: dict[str, Zygote] = {}
        self._oom = OutOfMemory()
        self._closing = False
        self._waiting_for_end: list[tuple[Client, Message]] = []
        self._orders: dict[str, Callable[[Client, Message], None]] = {
            "ping": self._ping,
            "start": self._start,
            "zygote": self._zygote,
            "fork": self._fork,
            "seen": self._seen,
            "stop": self._stop,
            "signal": self._signal,
            "list": self._list,
            "run": self._run,
            "subscribe": self._subscribe,
            "heard": self._heard,
            "shutdown": self._shutdown,
        }
        self.clients: list[Client] = []
        self.reap = self._family.reap

    def handle(self, client: Client, order: Message) -> None:
        """Carry it out and answer, now or later. OrderError when that is impossible."""
        name = order.get("order")
        obey = self._orders.get(name) if isinstance(name, str) else None
        if obey is None:
            raise OrderError("unknown_order", f"there is no order {name!r}")
        obey(client, order)

    # --- orders -------------------------------------------------------------------------------------------------

    def _ping(self, client: Client, order: Message) -> None:
        client.reply(order, pid=os.getpid(), protocol=PROTOCOL)

    def _start(self, client: Client, order: Message) -> None:
        self._refuse_when_closing()
        role = text(order, "role")
        if role not in (SERVICE, PROXY, DAEMON):
            raise OrderError("bad_order", f"there is no role {role!r}")
        spec = _spec(order, role)
        self._restarts.forget(spec.id)
        child = self._launch(spec, Journal(spec.log, spec.log_max_bytes))
        client.reply(order, **_started(child))

    def _zygote(self, client: Client, order: Message) -> None:
        self._refuse_when_closing()
        spec = _spec(order, ZYGOTE)

        def told(what: str | OrderError) -> None:
            if isinstance(what, OrderError):
                client.refuse(order, what)
            else:
                client.reply(order, says=what)

        sink = Journal(spec.log, spec.log_max_bytes)
        self._zygotes[spec.id] = Zygote(self._loop, self._family, spec, sink, told)

    def _fork(self, client: Client, order: Message) -> None:
        self._refuse_when_closing()
        spec = _spec(order, SERVICE)
        zygote = self._zygotes.get(text(order, "zygote"))
        if zygote is None:
            raise OrderError("not_ready", "the zygote does not run")
        self._family.refuse_twice(spec)

        def forked(child: Child | OrderError) -> None:
            if isinstance(child, OrderError):
                client.refuse(order, child)
                return
            client.reply(order, **_started(child))
            if self._closing:
                self._family.end(child, 0.0, lambda: None)

        zygote.fork(spec, Journal(spec.log, spec.log_max_bytes), forked)

    def _seen(self, client: Client, order: Message) -> None:
        pids = self._family.pids(self._child(text(order, "id")))
        Look(self._loop, pids, texts(order, "folders"), lambda files: client.reply(order, files=files))

    def _stop(self, client: Client, order: Message) -> None:
        name = text(order, "id")
        grace = number(order, "grace", least=0, most=_LONGEST_GRACE)
        self._restarts.forget(name)
        child = self._family.children.get(name)
        if child is None:
            client.reply(order)
        else:
            self._family.end(child, grace, lambda: client.reply(order))

    def _signal(self, client: Client, order: Message) -> None:
        number_ = int(number(order, "signal", least=1, most=signal.NSIG - 1))
        self._family.signal(self._child(text(order, "id")), number_)
        client.reply(order)

    def _list(self, client: Client, order: Message) -> None:
        children = [child for child in self._family.children.values() if child.spec.role != COMMAND]
        described = [
            {**child.describe(), "cwd": child.spec.cwd, "env": child.spec.env}
            if order.get("environment")
            else child.describe()
            for child in children
        ]
        client.reply(order, processes=described + self._restarts.describe())

    def _run(self, client: Client, order: Message) -> None:
        self._refuse_when_closing()
        if "within" in order:
            within = self._child(text(order, "within")).spec
            cwd, env = within.cwd, within.env
        else:
            cwd, env = text(order, "cwd"), mapping(order, "env")
        timeout = number(order, "timeout", least=0, most=_LONGEST_COMMAND)
        tail = Tail()
        argv = tuple(texts(order, "argv"))
        child = self._launch(Spec(id=_safe_id(order), role=COMMAND, argv=argv, cwd=cwd, env=env), tail)

        def answer() -> None:
            output = tail.kept.decode("utf-8", "replace")
            if too_late.callback is None:
                client.reply(order, timeout=True, output=output)
            else:
                too_late.cancel()
                client.reply(order, code=exit_code(child.status or 0), output=output)

        def give_up() -> None:
            too_late.cancel()
            self._family.end(child, 0.0, lambda: None)

        child.then.append(answer)
        too_late = self._loop.later(timeout, give_up)

    def _subscribe(self, client: Client, order: Message) -> None:
        role = text(order, "role")
        client.roles.add(role)
        client.reply(order)
        for exit in self._exits.kept(role):
            client.tell({"exit": exit.message()})

    def _heard(self, client: Client, order: Message) -> None:
        self._exits.heard(text(order, "role"), int(number(order, "number", least=0, most=1 << 62)))
        client.reply(order)

    def _shutdown(self, client: Client, order: Message) -> None:
        grace = number(order, "grace", least=0, most=_LONGEST_GRACE)
        self._waiting_for_end.append((client, order))
        self.shut_down(grace)

    # --- starting and ending ------------------------------------------------------------------------------------

    def _launch(self, spec: Spec, sink: Sink) -> Child:
        return self._family.start(spec, sink)

    def _start_kept(self, spec: Spec) -> None:
        self._launch(spec, Journal(spec.log, spec.log_max_bytes))

    def _gone(self, child: Child) -> None:
        if child.spec.role == ZYGOTE:
            self._zygotes.pop(child.spec.id).close()
        if child.spec.role in (COMMAND, ZYGOTE):
            return
        exit = self._exit(child)
        self._exits.add(exit)
        for client in list(self.clients):  # one that is found dead leaves them
            if exit.role in client.roles:
                client.tell({"exit": exit.message()})
        if child.spec.restart and not child.asked and not self._closing:
            self._restarts.ended(child.spec, child.ended_at - child.started_at)

    def _exit(self, child: Child) -> Exit:
        code = os.waitstatus_to_exitcode(child.status) if child.status is not None else -signal.SIGKILL
        killed = -code if code < 0 else None
        return Exit(
            id=child.spec.id,
            role=child.spec.role,
            pid=child.pid,
            code=None if killed else code,
            signal=killed,
            at=child.ended_at,
            reason="out of memory" if self._oom.killed_since_last(killed) and not child.asked else None,
            number=self._exits.next_number(),
        )

    def _child(self, name: str) -> Child:
        child = self._family.children.get(name)
        if child is None:
            raise OrderError("unknown", f"{name} is not running")
        return child

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise OrderError("closing", "everything is being stopped")

    # --- the end of it all --------------------------------------------------------------------------------------

    def shut_down(self, grace: float) -> None:
        """End everything, role by role, then the loop. Asked again, it goes faster but not anew."""
        if self._closing:
            for child in list(self._family.children.values()):
                if child.asked:
                    self._family.end(child, grace, lambda: None)
            return
        self._closing = True
        self._restarts.forget_all()
        self._end_roles(list(ROLES), grace)

    def _end_roles(self, roles: list[str], grace: float) -> None:
        if not roles:
            self._end_strays()
            return
        role, *later = roles
        left = [child for child in self._family.children.values() if child.spec.role == role]
        waiting = {child.spec.id for child in left}

        def one_less(name: str) -> None:
            waiting.discard(name)
            if not waiting:
                self._end_roles(later, grace)

        for child in left:
            seconds = grace if role == SERVICE else min(grace, _LAST_GRACE)
            self._family.end(child, seconds, lambda name=child.spec.id: one_less(name))  # type: ignore[misc]
        if not left:
            self._end_roles(later, grace)

    def _end_strays(self, looks: int = 0) -> None:
        if self._family.kill_strays() and looks < _MOST_LOOKS:
            self._loop.later(0.02, lambda: self._end_strays(looks + 1))
            return
        for client, order in self._waiting_for_end:
            client.reply(order)
            client.flush(1.0)
        self._loop.stop()


def _spec(order: Message, role: str) -> Spec:
    return Spec(
        id=_safe_id(order),
        role=role,
        argv=tuple(texts(order, "argv")),
        cwd=text(order, "cwd"),
        env=mapping(order, "env"),
        log=text(order, "log"),
        log_max_bytes=int(number(order, "log_max_bytes", least=0, most=1 << 40)),
        restart=order.get("restart") is True,
    )


def _started(child: Child) -> Message:
    return {"pid": child.pid, "started_at": child.started_at, "start": child.start}


def exit_code(status: int) -> int:
    """As shells say it: 128 + n for signal n."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _safe_id(order: Message) -> str:
    name = text(order, "id")
    if len(name) > LONGEST_ID or not all(letter.isalnum() or letter in "-_./" for letter in name):
        raise OrderError("bad_order", "id must be letters, digits and -_./")
    return name
