from __future__ import annotations

import pytest

from sandbox.tui.commands import offers
from sandbox.tui.picture import Picture
from sandbox.tui.places import PLACES, tabs
from tests.fakes import data, scene


@pytest.mark.parametrize("room", [160, 80, 60, 46])
def test_every_place_can_be_reached_at_every_width(room: int) -> None:
    found = tabs("map", {"alerts": 3}, room)

    assert [tab.place for tab in found] == [place.name for place in PLACES]
    assert found[-1].column + len(found[-1].text) <= room
    assert "map" in found[1].text


def test_counts_stand_behind_names() -> None:
    assert " 6 alerts:3 " in [tab.text for tab in tabs("map", {"alerts": 3}, 100)]


def test_the_palette_offers_everything() -> None:
    picture = Picture()
    picture.status, picture.traffic = data.project(), scene.traffic(trying=True)
    names = {offer.name for offer in offers(picture)}

    assert {f"Go to {place.name}" for place in PLACES} <= names
    assert {"Open steamer", "Weights of steamer", "Fault of steamer", "Restart steamer", "Log of steamer"} <= names
    assert {"Keep what is being tried", "Theme high-contrast", "Tour", "Quit"} <= names
