"""What is left out of a zygote, and which starts it refuses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence

import pytest

from sandbox.runtime.client import ShimRefusal
from sandbox.runtime.zygote.record import Record
from tests.runtime.home import alive, until
from tests.runtime.zygote.stage import Stage

ARGV = ["python", "app.py"]


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("threads", "it starts a thread"),
        ("files", "it leaves a file or socket open"),
        ("prints", "it prints"),
        ("broken", "it can't be imported alone: ModuleNotFoundError"),
        ("nosy", "it reads the whole environment"),
        ("sets", "it changes the environment"),
        ("spawns", "it starts a process"),
        ("reads_port", "it reads PORT, which every instance has its own of"),
        ("uses_grpc", "it imports grpc"),
    ],
)
async def test_a_module_that_would_show_is_named(stage: Stage, module: str, why: str) -> None:
    assert await stage.prepare(ARGV, "crumb", module) == f"doubt {module}\t{why}"
    await until_gone(stage)


async def test_what_is_doubted_or_known_to_be_unsafe_is_left_out(stage: Stage) -> None:
    record = Record(frozenset({"crumb", "threads", "grpc", "crumb.bits"}), {"threads": "it starts a thread"})
    assert await stage.prepare(ARGV, record=record) == "ready"
    stage.write("app.py", "import sys; print([n for n in ('crumb', 'threads', 'grpc') if n in sys.modules])")
    assert (await stage.both(ARGV))[1].printed == "['crumb']\n"


async def test_a_module_that_imports_what_is_left_out_is_too(stage: Stage) -> None:
    (stage.site / "uses_crumb.py").write_text("import crumb\n")
    record = Record(frozenset({"uses_crumb"}), {"crumb": "for a test"})
    assert await stage.prepare(ARGV, record=record) == "doubt uses_crumb\tit imports crumb"


async def test_modules_of_the_user_are_not_imported(stage: Stage) -> None:
    (stage.site / "asks.py").write_text("import own\n")
    stage.write("own.py", "")
    stage.variables["PYTHONPATH"] = str(stage.folder)
    assert await stage.prepare(ARGV, "asks") == "doubt asks\tit imports own from outside the environment"


async def refusal(stage: Stage, *, argv: Sequence[str] = ARGV, variables: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ShimRefusal) as refused:
        await stage.warm("a", argv, **(variables or {}))
    assert refused.value.errno_name == "not_warm"
    assert [kept.id for kept in await stage.shim.list()] == ["z"]
    return refused.value.message


async def test_a_library_that_was_edited_is_noticed(stage: Stage) -> None:
    file = stage.site / "edited.py"
    file.write_text("a = 1")
    assert await stage.prepare(ARGV, "edited") == "ready"
    file.write_text("a = 22")
    assert await refusal(stage) == f"{file} has changed"


async def test_another_package_in_the_environment_is_noticed(stage: Stage) -> None:
    assert await stage.prepare(ARGV, "crumb") == "ready"
    (stage.site / "fresh.dist-info").mkdir()
    assert await refusal(stage) == f"{stage.site} has changed"


@pytest.mark.parametrize("name", ["LANG", "PYTHONHASHSEED", "TZ", "LD_LIBRARY_PATH", "LC_ALL", "PYTHONPATH"])
async def test_what_the_interpreter_reads_at_its_start_must_be_the_same(stage: Stage, name: str) -> None:
    assert await stage.prepare(ARGV, "crumb") == "ready"
    assert await refusal(stage, variables={name: "1"}) == f"the variable {name} has changed"


async def test_what_an_import_read_must_be_the_same(stage: Stage) -> None:
    stage.variables["HOME"] = "/home/ada"
    stage.write("app.py", "")
    assert await stage.prepare(ARGV, "reads_home") == "ready"
    assert await refusal(stage, variables={"HOME": "/root"}) == "the variable HOME has changed"
    await stage.warm("a", ARGV, OTHER="2")


@pytest.mark.parametrize("name", ["crumb.py", "crumb/__init__.py", "extra_speed.py", "extra_speed/data"])
async def test_a_module_of_the_service_that_hides_a_library_is_noticed(stage: Stage, name: str) -> None:
    assert await stage.prepare(ARGV, "crumb", "optional") == "ready"
    file = stage.folder / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    hidden = name.partition("/")[0].removesuffix(".py")
    assert await refusal(stage) == f"the service has a module {hidden} of its own"


async def test_another_command_is_refused(stage: Stage) -> None:
    assert await stage.prepare(["python", "-c", "print(1)"], "crumb") == "ready"
    assert await refusal(stage, argv=["python", "-c", "print(2)"]) == "the command is another one"


async def test_a_program_that_is_not_held_is_ended(stage: Stage) -> None:
    with pytest.raises(ShimRefusal) as refused:
        await stage.prepare(["sh", "-c", "echo $$ > pid; exec sleep 60"])
    assert refused.value.errno_name == "not_held"
    await until(lambda: not alive(int((stage.folder / "pid").read_text())))


async def test_a_zygote_that_was_killed_can_not_be_asked(stage: Stage) -> None:
    assert await stage.prepare(ARGV, "crumb") == "ready"
    zygote = (await stage.shim.list())[0].pid or 0
    os.kill(zygote, 9)
    await until_gone(stage)
    with pytest.raises(ShimRefusal) as refused:
        await stage.warm("a", ARGV)
    assert refused.value.errno_name == "not_ready"


async def test_a_zygote_that_hangs_is_not_waited_for(stage: Stage) -> None:
    assert await stage.prepare(ARGV, "crumb") == "ready"
    await stage.shim.signal("z", 19)
    assert await refusal(stage) == "the zygote does not answer"


async def until_gone(stage: Stage) -> None:
    async with asyncio.timeout(5):
        while await stage.shim.list():
            await asyncio.sleep(0.01)
