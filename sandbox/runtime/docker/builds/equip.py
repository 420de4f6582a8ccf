"""Giving a Dockerfile's stages what the host's network asks for, but never those that become the image. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.runtime.docker.builds import names
from sandbox.runtime.docker.builds.syntax import Stage, final_line, stages, with_lines
from sandbox.runtime.docker.builds.transfer import PLACE, Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipped:
    text: str
    arguments: Mapping[str, str]  # the build arguments, the given ones among them
    withheld: tuple[str, ...]  # names that the Dockerfile asks for where they would stay in the image
    files_image: str | None  # None: no stage takes files
    added: frozenset[str]  # the lines that are not the Dockerfile's own


def equip(
    text: str,
    *,
    given: Mapping[str, str],
    target: str | None,
    transfer: Transfer,
    files_image: str | None,
    labels: Mapping[str, str],
) -> Equipped:
    """`given`: the project's own build arguments, which win. `files_image` holds the transfer's files. `labels` mark
    the stages that are no images of their own, so that what the builder leaves of them can be found."""
    found = stages(text, given)
    final = final_line(found, target)
    offered = sorted(set(transfer.variables) - set(given))

    added: set[str] = set()

    def more(stage: Stage) -> list[str]:
        if stage.index in final:
            return []
        marks = sorted({**labels, names.STAGE: str(stage.index)}.items())
        lines = [f"LABEL {' '.join(f'{name}={json.dumps(value)}' for name, value in marks)}"]
        if files_image is not None:
            lines.append(f"COPY --from={files_image} / {PLACE}/")
        lines += [f"ARG {' '.join(offered)}"] if offered else []
        added.update(lines)
        return lines

    asked = {name for stage in found if stage.index in final for name in stage.arguments}
    withheld = tuple(name for name in offered if name in asked)
    others = any(stage.index not in final for stage in found)
    handed = {name: transfer.variables[name] for name in offered if others and name not in withheld}
    equipped = with_lines(text, found, more)
    return Equipped(
        text=equipped,
        added=frozenset(added),
        arguments={**transfer.proxies, **handed, **given},
        withheld=withheld,
        files_image=files_image if others else None,
    )
