"""The sentences about ports that are not the ones preferred."""

from __future__ import annotations

from sandbox.ports import Claim, Owner
from sandbox.supervisor.addresses import sentences


def test_a_port_that_somebody_has_is_told_with_its_owner() -> None:
    taken = {"UI": Claim(20001, 8090, Owner(12, "nginx"))}
    assert list(sentences(taken)) == ["UI is on 127.0.0.1:20001, because 8090 is taken by nginx (pid 12)"]


def test_all_that_stay_where_they_moved_are_one_sentence() -> None:
    as_before = {"gateway": Claim(20002, 8080), "UI": Claim(20001, 8090)}
    (sentence,) = sentences(as_before)
    assert sentence.startswith("ports are those of the last time: gateway 20002 (not 8080), UI 20001 (not 8090); ")
    assert list(sentences({})) == []
