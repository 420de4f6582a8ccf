"""When the bell rings, and what stands in the terminal's title. Pure."""

from __future__ import annotations

from sandbox.control import Status
from sandbox.tui.causes import alert_key
from sandbox.tui.picture import Picture
from sandbox.tui.words import overall
from sandbox.wording import counted


class Attention:
    """Remembers what was said already: the bell rings once for an alert, the title is written when it changes."""

    def __init__(self) -> None:
        self._firing: frozenset[str] | None = None
        self._title = ""

    def rings(self, picture: Picture) -> bool:
        """For alerts that began while one looks on; not for those that were there before."""
        firing = frozenset(alert_key(alert) for alert in picture.firing)
        news = self._firing is not None and bool(firing - self._firing)
        self._firing = firing if self._firing is not None or picture.informed else None
        return news

    def title(self, picture: Picture) -> str | None:
        """None where it is as before."""
        title = self._words(picture)
        if title == self._title:
            return None
        self._title = title
        return title

    def _words(self, picture: Picture) -> str:
        status = picture.status
        if status is None:
            return "sandbox"
        if picture.ended:
            return f"■ {picture.away}"
        if picture.away:
            return f"▲ {status.project}: the supervisor is away"
        count = len(picture.firing)
        if count and status.proxy.status is Status.HEALTHY:
            return f"✗ {status.project}: {counted(count, 'alert')}"
        return f"{status.project}: {overall(status, count, picture.failing)[0]}"
