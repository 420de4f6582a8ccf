"""Pictures in pixels."""

from __future__ import annotations

import struct

import pytest

from sandbox.tui.raster import png


def drawn(text: str, *, bold: bool = False) -> bytes:
    weight = "font-weight: bold" if bold else ""
    style = f"<style>.m {{ font-family: Fira Code, monospace; font-size: 20px; {weight} }}</style>"
    body = f'<rect width="200" height="40" fill="#000"/><text class="m" x="10" y="25" fill="#fff">{text}</text>'
    return png(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 40">{style}{body}</svg>')


def test_a_picture_is_twice_as_large_as_its_svg() -> None:
    found = drawn("a")
    assert found.startswith(b"\x89PNG")
    assert struct.unpack(">II", found[16:24]) == (400, 80)


@pytest.mark.parametrize("bold", [False, True])
def test_the_signs_of_the_screens_have_shapes_of_their_own(bold: bool) -> None:
    signs = "aW0│┃║┊─┄━═╭╯├┼▼▲●◐○◔↻◌■✗▸█▁▇░◈◇→↑↓←…·–‖⣿"
    assert len({drawn(sign, bold=bold) for sign in signs}) == len(signs)
