"""Tells people of alerts: a webhook, a command."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from asyncio.subprocess import PIPE, STDOUT
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import msgspec

from sandbox.control import Alert
from sandbox.daemon.late import imported
from sandbox.daemon.notices import Notices
from sandbox.model import Project
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

MOST_WAITING = 20
"""Alerts that wait to be told; the oldest is dropped for a newer one, and counted."""

WITHIN = 10.0
_TRIES, _PAUSE = 3, 2.0
_ENDS_WITHIN = 1.0


class Notifier:
    """One alert after the other, so that begin and end come in their order. What fails is said once."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._waiting: asyncio.Queue[tuple[Alert, Project]] = asyncio.Queue(MOST_WAITING)
        self._trouble = ""
        self._telling = False
        self.dropped = 0

    @property
    def idle(self) -> bool:
        """Everything has been told."""
        return self._waiting.empty() and not self._telling

    def open(self, tasks: Tasks) -> None:
        tasks.spawn(self._run(), name="tell of alerts")

    def tell(self, alert: Alert, project: Project) -> None:
        if project.alerts.webhook is None and project.alerts.command is None:
            return
        if self._waiting.full():
            self._waiting.get_nowait()
            self.dropped += 1
            log.warning("%s alerts could not be told: telling takes too long", self.dropped)
        self._waiting.put_nowait((alert, project))

    async def _run(self) -> None:
        while True:
            self._telling = False
            alert, project = await self._waiting.get()
            self._telling = True
            trouble = [
                *([await self._post(project.alerts.webhook, alert, project)] if project.alerts.webhook else []),
                *([await self._execute(project.alerts.command, alert, project)] if project.alerts.command else []),
            ]
            self._say(next((one for one in trouble if one), ""))

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            self._notices.warn(f"an alert could not be told: {trouble}")
        self._trouble = trouble

    async def _post(self, url: str, alert: Alert, project: Project) -> str:
        """What went wrong; "" when it was taken."""
        aiohttp = await imported("aiohttp")
        trouble = ""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE * attempt)
            try:
                timeout = aiohttp.ClientTimeout(total=WITHIN)
                async with (
                    aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                    session.post(url, data=body(alert, project), headers=_JSON) as answer,
                ):
                    if answer.status < 400:
                        return ""
                    trouble = f"{url} answered {answer.status}"
            except TimeoutError:
                trouble = f"{url} did not answer within {WITHIN:g} s"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                trouble = f"{url}: {error}"
        return trouble

    async def _execute(self, command: tuple[str, ...], alert: Alert, project: Project) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=project.root,
                env={**os.environ, **variables(alert, project)},
                stdin=PIPE,
                stdout=PIPE,
                stderr=STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        try:
            async with asyncio.timeout(WITHIN):
                output, _ = await process.communicate(body(alert, project))
        except TimeoutError:
            return f"{command[0]} did not end within {WITHIN:g} s"
        finally:
            if process.returncode is None:
                await _end(process)
        if process.returncode:
            last = output.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
            return f"{command[0]} ended with {process.returncode}: {last[0][:200]}"
        return ""


async def _end(process: asyncio.subprocess.Process) -> None:
    """With all that it started. What left its group may hold its output open, and is not waited for."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_ENDS_WITHIN):
            await process.wait()


_JSON = {"Content-Type": "application/json", "User-Agent": "sandbox-alerts"}


def body(alert: Alert, project: Project) -> bytes:
    """The alert as in `sandbox alerts -o json`, with the project's name."""
    told: dict[str, Any] = {"project": project.name, **asdict(alert)}
    return msgspec.json.encode(told)


def variables(alert: Alert, project: Project) -> dict[str, str]:
    return {
        "SANDBOX_PROJECT": project.name,
        "SANDBOX_ALERT_RULE": alert.rule,
        "SANDBOX_ALERT_SUBJECT": alert.subject,
        "SANDBOX_ALERT_STATE": str(alert.state),
        "SANDBOX_ALERT_SEVERITY": alert.severity,
        "SANDBOX_ALERT_MESSAGE": alert.message,
    }
