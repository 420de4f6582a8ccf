"""An engine that tests may kill: a dockerd of their own, in a network namespace that nothing else is in."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import docker
import psutil

from sandbox.runtime.docker.endpoint import Endpoint
from tests.docker_engine import RealEngine, local_images, why_silent, without

_STARTS_WITHIN = 60.0
_ENDS_WITHIN = 30.0
_POLL = 0.05
_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET, setns(2)."""


@dataclass(eq=False)
class OwnEngine:
    """`folder` and `namespace` outlive the daemon, so what ran goes on where the daemon is killed."""

    folder: Path
    namespace: Path  # of the network, as setns(2) and nsenter(1) want it
    options: tuple[str, ...]
    daemon: psutil.Popen | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"unix://{self.folder}/docker.sock", "the tests")

    @property
    def log(self) -> Path:
        return self.folder / "dockerd.log"

    def start(self) -> None:
        """Returns once it answers."""
        words = ["nsenter", f"--net={self.namespace}", "dockerd", *self.options, "-H", self.endpoint.url]
        words += [word for name in ("data-root", "exec-root") for word in (f"--{name}", str(self.folder / name))]
        words += ["--pidfile", str(self.folder / "pid")]
        with self.log.open("ab") as log:
            self.daemon = psutil.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + _STARTS_WITHIN
        while (why := why_silent(self.endpoint)) is not None:
            assert self.daemon.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < deadline, why
            time.sleep(_POLL)

    def kill(self) -> None:
        """As a crash does it. Containers go on; the next daemon ends them, unless its options say `--live-restore`."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """As the service manager does it. Containers end, unless its options say `--live-restore`."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        daemon, self.daemon = self.daemon, None
        if daemon is None:
            return
        helpers = [one for one in daemon.children() if one.name() == "containerd"]
        daemon.send_signal(number)
        daemon.wait(_ENDS_WITHIN)
        psutil.wait_procs(helpers, _ENDS_WITHIN)  # the next daemon must not meet this one's containerd

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and the threads and processes it starts, are in the engine's network: they see its bridges."""
        with Path("/proc/thread-self/ns/net").open() as before, self.namespace.open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    @contextmanager
    def used(self) -> Iterator[RealEngine]:
        """The engine as tests use one. It has answered since `start`."""
        with closing(docker.APIClient(self.endpoint.url, version="auto")) as api:
            yield RealEngine(self.endpoint, api, local_images(api))

    def load(self, engine: RealEngine, images: Iterable[str]) -> None:
        """Copy images of another engine."""
        with self.used() as own:
            for image in images:
                for _ in own.api.load_image(engine.api.get_image(image)):
                    continue

    def remove(self) -> None:
        """With all that it holds."""
        if self.daemon is not None:
            with suppress(AssertionError), self.used() as own:
                for one in own.api.containers(all=True):
                    own.api.remove_container(one["Id"], force=True, v=True)
            self.terminate()
        for process in self._left_behind():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for place in self._mounted():
            subprocess.run(["umount", "--lazy", place], check=False)
        subprocess.run(["ip", "netns", "delete", self.namespace.name], check=True)
        shutil.rmtree(self.folder)

    def _left_behind(self) -> list[psutil.Process]:
        """Containers whose daemon was killed, each with the process that watches over it."""
        mark = str(self.folder)
        found = [
            one for one in psutil.process_iter(["cmdline"]) if any(mark in word for word in one.info["cmdline"] or ())
        ]
        return found + [child for one in found for child in one.children(recursive=True)]

    def _mounted(self) -> list[str]:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        return [place for place in (line.split()[1] for line in lines) if place.startswith(f"{self.folder}/")][::-1]


@contextmanager
def own_engine(*options: str) -> Iterator[OwnEngine]:
    """One that answers and holds nothing. Skips, or fails, the test where it can't be had. `options` are dockerd's."""
    if os.geteuid() != 0:
        without("only root can start an engine of its own")
    if missing := [program for program in ("dockerd", "ip", "nsenter", "iptables") if not shutil.which(program)]:
        without(f"not installed, for an engine of the tests' own: {', '.join(missing)}")
    folder = Path(tempfile.mkdtemp(prefix="se-", dir="/tmp"))  # sockets need a short path
    subprocess.run(["ip", "netns", "add", folder.name], check=True)
    engine = OwnEngine(folder, Path("/run/netns", folder.name), options)
    try:
        subprocess.run(["ip", "-netns", folder.name, "link", "set", "lo", "up"], check=True)
        engine.start()
        yield engine
    finally:
        engine.remove()


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")
