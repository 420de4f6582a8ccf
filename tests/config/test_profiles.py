from __future__ import annotations

import pytest

from sandbox.config.profiles import profile_names
from sandbox.errors import ConfigError
from sandbox.model import Settings
from tests.config.conftest import Folder

A = "services: {a: {build: ./a}}\n"


def test_standard_is_what_holds_without_a_name(folder: Folder) -> None:
    assert folder.load(A).settings == folder.load(A, profiles=["standard"]).settings == Settings()


def test_profiles_lie_under_the_file_and_over_each_other(folder: Folder) -> None:
    folder.write("gateway: {port: 1}\nui: {port: 2}\nlogs: {max_size: 1M}\n", "mine.yaml")
    file = A + "gateway: {port: 3}\n"

    found = folder.load(file, profiles=["lite", "mine.yaml"]).settings
    other = folder.load(file, profiles=["mine.yaml", "lite"]).settings

    assert (found.runtime, found.gateway_port, found.ui_port, found.log_max_bytes) == ("process", 3, 2, 1 << 20)
    assert (other.runtime, other.log_max_bytes) == ("process", 4 << 20)


def test_the_reference_is_no_profile(folder: Folder) -> None:
    assert profile_names() == ["lite", "standard"]


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("ligth", '--profile ligth: there is no profile "ligth"', "did you mean lite?"),
        ("x", '--profile x: there is no profile "x"', "profiles: lite, standard, or the path of a YAML file"),
        (
            "reference",
            "--profile reference: is the reference of every key, not a profile",
            "choose one of lite, standard",
        ),
        ("no.yaml", "no.yaml: can't be read: no such file or directory", "check the path"),
        ("svc.yaml", 'svc.yaml:1:1: a profile can\'t have "services", only settings', "keys here: runtime"),
    ],
)
def test_what_it_refuses(folder: Folder, name: str, message: str, hint: str) -> None:
    folder.write(A, "svc.yaml")
    with pytest.raises(ConfigError) as caught:
        folder.load(A, profiles=[name])

    assert str(caught.value) == message
    assert caught.value.hint.startswith(hint)
