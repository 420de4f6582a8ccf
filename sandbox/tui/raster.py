"""A picture of a screen as PNG.

Drawn by resvg with a font of our own, so that lines meet and signs are there on a machine without fonts; fonts of the
machine stand in for what it does not have, such as other scripts in logs.
"""

from __future__ import annotations

import re
from importlib import resources

_FAMILY = "DejaVu Sans Mono"
_FONTS = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
_NAMED = re.compile(r"font-family:[^;}]*")
_ZOOM = 2.0
"""Pixels for each of the SVG's own, so that it is sharp on the screens people have."""


def png(svg: str) -> bytes:
    """Of a picture that `capture.screenshot_svg` made."""
    import resvg_py  # only pictures need it

    folder = resources.files("sandbox.tui") / "fonts"
    files = [str(folder / name) for name in _FONTS]
    drawn = resvg_py.svg_to_bytes(
        svg_string=_NAMED.sub(f"font-family: {_FAMILY}", svg),
        font_files=files,
        monospace_family=_FAMILY,
        font_family=_FAMILY,
        zoom=_ZOOM,
    )
    return bytes(drawn)
