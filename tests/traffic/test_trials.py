from __future__ import annotations

import json

from sandbox.control import GoldenSignals
from sandbox.traffic.trials import as_note, begun, of_note, way_back

SIGNALS = {"pantry": GoldenSignals(seconds=10.0, requests_per_second=5.0, error_ratio=0.2, p50=3.0, p99=None)}
OLD, NEW = {"rules": [{"retry": {"attempts": 1}}]}, {"rules": [{"retry": {"attempts": 2}}]}
TRIAL = begun(7, {"mill": OLD}, {"mill": NEW, "pantry": NEW}, at=100.0, seconds=60.0, signals=SIGNALS)


def test_what_it_put_goes_back() -> None:
    back = way_back(TRIAL, {"mill": NEW, "pantry": NEW, "steamer": NEW})

    assert (back.documents, back.left) == ({"mill": OLD, "pantry": None}, ())


def test_what_somebody_else_changed_meanwhile_stays() -> None:
    back = way_back(TRIAL, {"mill": OLD, "pantry": NEW})

    assert (back.documents, back.left) == ({"pantry": None}, ("mill",))


def test_a_new_supervisor_reads_what_an_old_one_noted() -> None:
    assert of_note(json.loads(json.dumps(as_note(TRIAL)))) == TRIAL
    assert (TRIAL.ends_at, TRIAL.services) == (160.0, ("mill", "pantry"))
