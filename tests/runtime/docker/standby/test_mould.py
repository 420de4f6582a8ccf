from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.runtime.docker.standby.mould import (
    Hold,
    command_in,
    fits,
    named,
    next_number,
    renamed,
    standing_by,
    variables,
)
from tests.runtime.docker.standby.test_command import spec


def body(**changed: Any) -> dict[str, Any]:
    env = {"PORT": "80", "NAME": "web-v1-1"} | changed.pop("env", {})
    made = {"Image": "sha256:1", "Cmd": ["python", "app.py"], "Labels": {"dev.sandbox.role": "service", "a": "b"}}
    return {**made, **changed, "Env": [f"{name}={value}" for name, value in env.items()]}


def hooked(**image: str) -> Hold:
    return Hold(hooked=True, image={"Env": [f"{name}={value}" for name, value in image.items()]})


SHELL = Hold(hooked=False, image={"Env": ["PATH=/bin"], "Entrypoint": ["/start"], "Cmd": ["serve"]})


def test_what_stands_by_is_held_by_our_hook_and_says_that_it_serves_nobody() -> None:
    made = standing_by(body(), hooked(PATH="/bin"))
    assert variables(made) == {
        "PORT": "80",
        "NAME": "web-v1-1",
        "PYTHONPATH": "/.sandbox/hook",
        "SANDBOX_STANDBY": "/.sandbox",
    }
    assert made["Labels"] == {"dev.sandbox.role": "standby", "a": "b"}


def test_a_path_of_the_image_or_the_service_stays_behind_ours() -> None:
    image = hooked(PYTHONPATH="/lib")
    assert variables(standing_by(body(), image))["PYTHONPATH"] == "/.sandbox/hook:/lib"
    own = body(env={"PYTHONPATH": "/own"})
    assert variables(standing_by(own, image))["PYTHONPATH"] == "/.sandbox/hook:/own"


def test_any_other_command_stands_behind_a_shell_that_leaves_no_variable_of_its_own() -> None:
    made = standing_by(body(env={"PWD": "/srv"}), SHELL)
    shell, option, script, name = made["Entrypoint"]
    assert (shell, option, name) == ("/bin/sh", "-c", "sh")
    assert 'exec env -u OLDPWD -u SHLVL -u _ "$@"' in script
    assert made["Cmd"] == ["/start", "python", "app.py"]
    assert variables(made) == {"PORT": "80", "NAME": "web-v1-1", "PWD": "/srv"}


def test_the_command_is_the_images_own_where_none_is_given() -> None:
    image = SHELL.image
    assert command_in({}, image) == ["/start", "serve"]
    assert command_in({"Cmd": ["other"]}, image) == ["/start", "other"]
    assert command_in({"Entrypoint": ["/own"], "Cmd": []}, image) == ["/own"]
    assert command_in({"Entrypoint": [""], "Cmd": ["app"]}, image) == ["app"]


def test_variables_may_change_and_come_but_not_go_where_our_hook_sets_them() -> None:
    hold = hooked()
    made, more = standing_by(body(), hold), standing_by(body(env={"NAME": "web-v1-2", "MORE": "1"}), hold)
    assert fits(made, more, hold)
    assert not fits(more, made, hold)
    made, more = standing_by(body(), SHELL), standing_by(body(env={"MORE": "1"}), SHELL)
    assert fits(made, made, SHELL)
    assert not fits(made, more, SHELL)


def test_whatever_else_differs_makes_another_container() -> None:
    hold = hooked()
    made = standing_by(body(), hold)
    assert fits(made, standing_by(body(Labels={}), hold), hold)
    for other in (body(Image="sha256:2"), body(Cmd=["python", "-m", "app"]), body(User="1000")):
        assert not fits(made, standing_by(other, hold), hold)


def test_what_is_the_instances_own_is_told_ahead() -> None:
    one = replace(spec("web-v1-1", 1), environment={"ID": "web-v1-1", "ATTRIBUTES": "a=web-v1-1,b=c", "PORT": "80"})
    other = renamed(one, 3)
    assert (other.id, other.index) == ("web-v1-3", 3)
    assert other.environment == {"ID": "web-v1-3", "ATTRIBUTES": "a=web-v1-3,b=c", "PORT": "80"}


def test_the_next_instance_is_told_by_the_numbers_that_are_taken() -> None:
    assert [next_number(taken) for taken in ({1}, {2}, {1, 2}, {1, 3}, {2, 3})] == [2, 1, 3, 2, 1]
    assert named(spec("web-v1-11", 11), 2) == "web-v1-2"
