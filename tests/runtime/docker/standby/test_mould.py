from __future__ import annotations

from typing import Any

from sandbox.runtime.docker.standby.mould import fits, named, next_number, standing_by, variables
from tests.runtime.docker.standby.test_command import spec


def body(**changed: Any) -> dict[str, Any]:
    env = {"PORT": "80", "NAME": "web-v1-1"} | changed.pop("env", {})
    made = {"Image": "sha256:1", "Cmd": ["python", "app.py"], "Labels": {"dev.sandbox.role": "service", "a": "b"}}
    return {**made, **changed, "Env": [f"{name}={value}" for name, value in env.items()]}


def test_what_stands_by_is_held_by_our_hook_and_says_that_it_serves_nobody() -> None:
    made = standing_by(body(), {"PATH": "/bin"})
    assert variables(made) == {
        "PORT": "80",
        "NAME": "web-v1-1",
        "PYTHONPATH": "/.sandbox/hook",
        "SANDBOX_STANDBY": "/.sandbox",
    }
    assert made["Labels"] == {"dev.sandbox.role": "standby", "a": "b"}


def test_a_path_of_the_image_or_the_service_stays_behind_ours() -> None:
    image = {"PYTHONPATH": "/lib"}
    assert variables(standing_by(body(), image))["PYTHONPATH"] == "/.sandbox/hook:/lib"
    own = body(env={"PYTHONPATH": "/own"})
    assert variables(standing_by(own, image))["PYTHONPATH"] == "/.sandbox/hook:/own"


def test_variables_may_change_and_come_but_not_go() -> None:
    made = standing_by(body(), {})
    assert fits(made, standing_by(body(env={"NAME": "web-v1-2", "MORE": "1"}), {}))
    assert not fits(standing_by(body(env={"MORE": "1"}), {}), made)


def test_whatever_else_differs_makes_another_container() -> None:
    made = standing_by(body(), {})
    assert fits(made, standing_by(body(Labels={}), {}))
    for other in (body(Image="sha256:2"), body(Cmd=["python", "-m", "app"]), body(User="1000")):
        assert not fits(made, standing_by(other, {}))


def test_the_next_instance_is_told_by_the_numbers_that_are_taken() -> None:
    assert [next_number(taken) for taken in ({1}, {2}, {1, 2}, {1, 3}, {2, 3})] == [2, 1, 3, 2, 1]
    assert named(spec("web-v1-11", 11), 2) == "web-v1-2"
