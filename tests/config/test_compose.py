from __future__ import annotations

import pytest

from sandbox.config.compose import INSTEAD, UNSUPPORTED
from tests.config.conftest import Folder
from tests.config.test_reference import models


def test_no_key_is_both_supported_and_unsupported() -> None:
    for model in models().values():
        assert set(model.model_fields) & UNSUPPORTED.get(model.compose, frozenset()) == set()


def test_every_group_of_keys_belongs_to_a_model() -> None:
    assert {model.compose for model in models().values()} - {""} == set(UNSUPPORTED)


def test_every_replacement_is_of_a_known_key() -> None:
    assert set(INSTEAD) <= set().union(*UNSUPPORTED.values())


@pytest.mark.parametrize("key", sorted(UNSUPPORTED["service"]))
def test_a_services_key_is_refused_by_name(folder: Folder, key: str) -> None:
    [problem] = folder.problems(f"services: {{a: {{build: ./a, {key}: x}}}}")

    assert problem.startswith(f"1:28 {key} is a Compose key that sandbox does not support yet | ")
