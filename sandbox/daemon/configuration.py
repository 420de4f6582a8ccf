"""What the project's files say: read, kept for a supervisor that finds them broken, and complained of until mended."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from sandbox.control import UpRequest
from sandbox.daemon.handover import handed_over
from sandbox.daemon.notices import Notices
from sandbox.daemon.request import (
    enter,
    environment_of,
    forget_good,
    keep_good,
    last_good,
    load_project,
    read_request,
    save_request,
)
from sandbox.errors import ConfigError, RefusedPolicyError, SandboxError
from sandbox.events import Bus, Event, Kind, Severity
from sandbox.model import Project
from sandbox.paths import ProjectPaths

log = logging.getLogger(__name__)


class Configuration:
    """`open` comes first."""

    request: UpRequest
    """What was asked for last."""

    read_at: float
    """When what is in force was read, in seconds since the epoch."""

    def __init__(self, paths: ProjectPaths, bus: Bus, notices: Notices) -> None:
        self.complaint = ""  # what is wrong with the files
        self._paths = paths
        self._bus = bus
        self._notices = notices

    def open(self) -> Project:
        """What the files say; when they are broken, what was in force before this supervisor. ConfigError without."""
        self.request, self.read_at = read_request(self._paths), time.time()
        project = self._read()
        enter(environment_of(self.request))
        return project

    def taken(self, request: UpRequest, project: Project, read_at: float) -> None:
        """It is in force."""
        save_request(self._paths, request)
        self._keep(project)
        self.request, self.complaint, self.read_at = request, "", read_at

    def complain(self, error: SandboxError, project: Project, consequence: str) -> None:
        """It stands until the files are read without fault. project: in force."""
        self.complaint = f"{_told(error, project)}; {consequence}"
        self._bus.publish(Event(kind=Kind.RELOAD_FAILED, severity=Severity.ERROR, message=self.complaint))

    def watch(self, on: bool) -> None:
        """A new supervisor does as was asked last."""
        self.request = replace(self.request, watch=on)
        try:
            save_request(self._paths, self.request)
        except OSError as error:
            self._notices.warn(f"a new supervisor will not know that watching was changed: {error}")

    def forget(self) -> None:
        """The project is stopped: the next supervisor has nothing to go on with."""
        forget_good(self._paths)

    def _read(self) -> Project:
        try:
            project = handed_over(self._paths) or load_project(self.request)
        except ConfigError as error:
            kept = last_good(self._paths)
            if kept is None:
                raise
            then = "" if self.request.watch else " and `sandbox up` is run again"
            self.complain(error, kept, f"what was in force before goes on until it is mended{then}")
            return kept
        self._keep(project)
        return project

    def _keep(self, project: Project) -> None:
        try:
            keep_good(self._paths, project)
        except OSError as error:
            log.warning("could not keep the configuration for the next supervisor: %s", error)


def _told(error: SandboxError, project: Project) -> str:
    """In one sentence, with places as seen from the project's folder."""
    more = len(error.problems) - 1 if isinstance(error, ConfigError) else 0
    hint = f"; {error.hint}" if error.hint and not isinstance(error, RefusedPolicyError) else ""
    return f"{str(error).removeprefix(f'{project.root}/')}{hint}{f' (and {more} more)' if more else ''}"
