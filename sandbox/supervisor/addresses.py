"""Which port serves what: the ones people know (gateway, UI, OTLP, published) and the ones only the proxy knows."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.model import Project
from sandbox.ports import LOOPBACK, Claim, Ports
from sandbox.supervisor.wiring import Ingress


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The sockets on which the supervisor itself listens, and what is on another port than was preferred, by name."""

    ui: socket.socket
    otlp: socket.socket
    moved: Mapping[str, Claim]


_INSTANCE = "instance/"


class Addresses:
    """Claims ports for a project. `proxy_runs`: Envoy still listens on what was remembered of its ports."""

    def __init__(self, ports: Ports, *, proxy_runs: bool) -> None:
        self._ports = ports
        self._served = set(ports.remembered) if proxy_runs else set()
        self._claimed: set[str] = set()  # for the proxy, at any time
        self._wanted: set[str] = set()  # by what was wired last
        self._left: dict[str, int] = {}  # no longer wanted, and since which wiring
        self._wirings = 0
        for purpose in ports.remembered:  # of instances that may still be on their way to bind theirs
            if purpose.startswith(_INSTANCE):
                ports.lend(purpose)

    @property
    def remembered(self) -> dict[str, int]:
        return self._ports.remembered

    def front(self, project: Project) -> Front:
        settings = project.settings
        ui_purpose, otlp_purpose = f"ui:{settings.ui_port}", f"otlp:{settings.otlp_port}"
        claims = {
            "UI": self._ports.claim(ui_purpose, preferred=settings.ui_port),
            "OTLP": self._ports.claim(otlp_purpose, preferred=settings.otlp_port),
        }
        return Front(
            ui=self._ports.take(ui_purpose),
            otlp=self._ports.take(otlp_purpose),
            moved=_moved(claims),
        )

    def ingress(self, project: Project) -> tuple[Ingress, Mapping[str, Claim]]:
        """The gateway's and the published ports, and those of them that had to move, by name. Wiring begins with it."""
        self._wanted = set()
        gateway = self._claim(f"gateway:{project.settings.gateway_port}", project.settings.gateway_port)
        claims = {"gateway": gateway}
        published = {}
        for service in project.services.values():
            for port in service.ports:
                if port.published is not None:
                    purpose = f"published/{service.name}/{port.number}:{port.published}"
                    claim = claims[f"{service.name}'s published port"] = self._claim(purpose, port.published)
                    published[service.name, port.number] = claim.port
        return Ingress(gateway=gateway.port, published=published), _moved(claims)

    def listener(self, purpose: str) -> int:
        """A port for one of the proxy's listeners between services."""
        return self._claim(purpose, None).port

    def of_instance(self, instance: str, declared: tuple[int, ...]) -> dict[int, int]:
        """Declared port → the one to listen on, unbound again so that the service itself can bind it."""
        given = {}
        for port in declared:
            purpose = f"{_INSTANCE}{instance}/{port}"
            given[port] = self._ports.claim(purpose).port
            self._ports.lend(purpose)
        return given

    def hand_over(self, ports: frozenset[int]) -> None:
        """Let go of ports for somebody who shares none with us to open them. They stay ours."""
        for purpose, port in self._ports.remembered.items():
            if port in ports:
                self._ports.release(purpose)
                self._served.add(purpose)

    def leaving(self) -> int:
        """What was wired last is in force: the number for `give_back`, once the proxy is through with the rest."""
        self._wirings += 1
        left = self._claimed - self._wanted
        self._left = {purpose: self._left.get(purpose, self._wirings) for purpose in left}
        return self._wirings

    def give_back(self, wiring: int) -> None:
        """The proxy listens no more on what had left by then. Others may take the ports; whoever comes back for one
        finds it, if nobody has."""
        for purpose in [purpose for purpose, since in self._left.items() if since <= wiring]:
            self._ports.release(purpose)
            self._served.discard(purpose)
            self._claimed.discard(purpose)
            del self._left[purpose]

    def close(self) -> None:
        self._ports.close()

    def _claim(self, purpose: str, preferred: int | None) -> Claim:
        self._claimed.add(purpose)
        self._wanted.add(purpose)
        running = purpose in self._served
        return self._ports.claim(purpose, preferred=preferred, running=running)


def _moved(claims: Mapping[str, Claim]) -> dict[str, Claim]:
    return {name: claim for name, claim in claims.items() if claim.wanted is not None}


def sentences(moved: Mapping[str, Claim]) -> Iterator[str]:
    """What is where instead, and why: each port that somebody has, and together all that stay where they were."""
    for name, claim in moved.items():
        if claim.owner is not None:
            yield f"{name} is on {LOOPBACK}:{claim.port}, because {claim.wanted} is taken by {claim.owner}"
    staying = [f"{name} {claim.port} (not {claim.wanted})" for name, claim in moved.items() if claim.owner is None]
    if staying:
        yield f"ports are those of the last time: {', '.join(staying)}; to go back: sandbox down --purge"
