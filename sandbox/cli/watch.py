"""`sandbox watch`: whether saves reload services, and holding them back for a while."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict

from sandbox.cli.project import talk
from sandbox.control import Control, WatchState, WatchStatus


def run(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        if options.wish is not None:
            await control.watch(options.wish)
        watch = (await control.status()).watch
        print(json.dumps(asdict(watch), indent=2) if options.output == "json" else as_text(watch))
        return 0

    return talk(options, conversation)


def as_text(watch: WatchStatus) -> str:
    match watch.state:
        case WatchState.ON:
            folders = "1 folder" if watch.folders == 1 else f"{watch.folders} folders"
            how = "looking again and again at" if watch.polling else "watching"
            return f"{how} {folders}; a save reloads the services it belongs to"
        case WatchState.PAUSED:
            return f"paused: {held_back(watch)}"
        case WatchState.OFF:
            return "off: saves reload nothing; begin with: sandbox watch --resume"


def held_back(watch: WatchStatus) -> str:
    """What waits, and what to do about it."""
    if not watch.waiting:
        return "saves wait until: sandbox watch --resume"
    files = sum(watch.waiting.values())
    owners = ", ".join(service or "the configuration" for service in watch.waiting)
    saved = "1 saved file waits" if files == 1 else f"{files} saved files wait"
    return f"{saved} ({owners}) until: sandbox watch --resume"
