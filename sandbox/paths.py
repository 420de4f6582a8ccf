"""Where things are kept. Every file and socket of a project lies in one folder, so that `down` knows what to remove.

$SANDBOX_HOME/                        default $XDG_STATE_HOME/sandbox
  cache/                              uv's cache, shared by all projects
  projects/<id>/                      0700
    request.json  state.json          what was asked for; what is remembered (ports, replicas)
    events.jsonl  alerts.json         what happened, and which alerts stand; gone after `down`
    token                             0600, the bearer token of the loopback port
    numbers.db                        0600, what was measured over time
    logs/  envs/  envoy/              service output; Python environments; Envoy's bootstrap and log
    building/                         what compilers are in the middle of; gone after `down`
    docker/                           what is remembered of containers' networks, images and syncs; gone after `down`
    run/                              sockets and pid files; gone after `down`
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.shipped import shipped_sample

# sockaddr_un.sun_path is 108 bytes on Linux and 104 on macOS, with the final NUL.
_SOCKET_PATH_LIMIT = 103
_LONGEST_SOCKET_NAME = len("outbound.sock")


def sandbox_home() -> Path:
    """The root of all state: $SANDBOX_HOME, else $XDG_STATE_HOME/sandbox, else ~/.local/state/sandbox."""
    if home := os.environ.get("SANDBOX_HOME"):
        return Path(home).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state).absolute() / "sandbox"


def project_id(name: str, root: Path) -> str:
    """A name for the project's folder: the same for the same place, different for two copies of one project.

    An installed sample app is the same one in every version: an upgrade moves it.
    """
    place = root.resolve()
    sample = shipped_sample(place)
    digest = hashlib.sha256(os.fsencode(place if sample is None else f"sample:{sample}")).hexdigest()[:6]
    return f"{re.sub(r'[^a-z0-9-]+', '-', name.lower())[:40]}-{digest}"


@dataclass(frozen=True, slots=True)
class ProjectPaths:
    """The files of one project. Nothing here touches the disk except `create`."""

    home: Path
    id: str

    @property
    def state(self) -> Path:
        return self.home / "projects" / self.id

    @property
    def run(self) -> Path:
        """The sockets' folder: inside the state where its path is short enough to bind, else a temporary folder."""
        inside = self.state / "run"
        if len(os.fsencode(inside)) + 1 + _LONGEST_SOCKET_NAME <= _SOCKET_PATH_LIMIT:
            return inside
        digest = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:12]
        return Path("/tmp") / f"sandbox-{os.getuid()}-{digest}"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def environments(self) -> Path:
        return self.state / "envs"

    @property
    def building(self) -> Path:
        """Temporary files of compilers."""
        return self.state / "building"

    @property
    def envoy(self) -> Path:
        return self.state / "envoy"

    @property
    def docker(self) -> Path:
        """There as long as an engine may hold something of the project."""
        return self.state / "docker"

    @property
    def request(self) -> Path:
        return self.state / "request.json"

    @property
    def good_project(self) -> Path:
        return self.state / "project.pickle"

    @property
    def memory(self) -> Path:
        return self.state / "state.json"

    @property
    def timeline(self) -> Path:
        return self.state / "events.jsonl"

    @property
    def alerts(self) -> Path:
        return self.state / "alerts.json"

    @property
    def revisions(self) -> Path:
        """What was in force of traffic policies, and when: SQLite."""
        return self.state / "traffic.db"

    @property
    def trickle(self) -> Path:
        return self.state / "trickle.json"

    @property
    def token(self) -> Path:
        return self.state / "token"

    @property
    def numbers(self) -> Path:
        return self.state / "numbers.db"

    @property
    def api_socket(self) -> Path:
        return self.run / "api.sock"

    @property
    def shim_socket(self) -> Path:
        return self.run / "shim.sock"

    @property
    def shim_lock(self) -> Path:
        return self.run / "shim.lock"

    @property
    def ads_socket(self) -> Path:
        return self.run / "ads.sock"

    @property
    def admin_socket(self) -> Path:
        return self.run / "admin.sock"

    @property
    def outbound_socket(self) -> Path:
        return self.run / "outbound.sock"

    @property
    def envoy_sockets(self) -> tuple[Path, ...]:
        """All at which Envoy listens, or a former one did: it does not replace what a killed one left."""
        inner = (self.run / "inbound.sock", self.run / "breaking.sock", *self.run.glob("[eg]??????.sock"))
        return (self.admin_socket, self.outbound_socket, *inner)

    def create(self) -> None:
        """Make the folders, private to the user. SandboxError when another user owns one of them."""
        if not self.home.is_dir():
            make_private(self.home)  # one that exists may be shared, and stays as it is
        for folder in (
            self.home / "projects",
            self.state,
            self.logs,
            self.environments,
            self.envoy,
            self.run,
        ):
            make_private(folder)


def make_private(folder: Path) -> None:
    """Create `folder` with mode 0700, or check that it is ours and make it so. SandboxError when it can't be had."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        why = error.strerror or str(error)
        raise SandboxError(
            f"can't be made: {why}", place=str(folder), hint="set SANDBOX_HOME to another folder"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SandboxError(
            "is not a folder of yours", place=str(folder), hint="set SANDBOX_HOME to a folder that you own"
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
