"""A warm start is a cold one, for all that the program can see."""

from __future__ import annotations

import difflib
import json
import os
import re
import signal

import pytest

from tests.runtime.home import alive, read_pid, until
from tests.runtime.zygote.stage import Stage

DUMP = """
import sys, os, json
seen = {
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "flags": repr(sys.flags), "cwd": os.getcwd(),
    "main": {name: repr(value) for name, value in globals().items() if name not in ("seen", "sys", "os", "json")},
    "environ": list(os.environ.items()), "executable": sys.executable, "prefix": sys.prefix,
    "meta_path": [repr(finder) for finder in sys.meta_path],
    "importer_cache": sorted(place for place in sys.path_importer_cache if "sandbox" in place),
    "ours": sorted(n for n in sys.modules if "zygote" in n or n == "sitecustomize"),
    "umask": os.umask(0o22), "warnoptions": sys.warnoptions, "xoptions": sys._xoptions, "hooks": repr(sys.excepthook),
    "fds": {n: os.readlink("/proc/self/fd/" + n).split(":")[0] for n in "012"},
    "open": len(os.listdir("/proc/self/fd")),
    "stdio": [(repr(s), s.line_buffering, s.write_through, s.isatty()) for s in (sys.stdin, sys.stdout, sys.stderr)],
    "session": os.getsid(0) == os.getpgid(0) == os.getpid(),
    "depth": sys._getframe().f_back is None,
    "name": open("/proc/self/comm").read(), "cmdline": open("/proc/self/cmdline").read(),
    "environ_class": repr(type(os.environ)), "getenv": os.popen("env | sort | grep -v SANDBOX_SHIM").read(),
}
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
seen["status"] = {n: status[n] for n in ("PPid", "Umask", "SigBlk", "SigIgn", "SigCgt", "Threads", "SigPnd")}
import signal, threading, gc, locale, time, random
seen["handlers"] = {str(n): repr(signal.getsignal(n)) for n in signal.valid_signals()}
seen["main_thread"] = [threading.main_thread() is threading.current_thread(), threading.active_count(),
    threading.main_thread().native_id == os.getpid(), threading.get_native_id() == os.getpid()]
seen["gc"] = [gc.isenabled(), gc.get_threshold(), repr(gc.callbacks)]
seen["locale"] = [locale.getlocale(), time.tzname, sys.getfilesystemencoding()]
mark = [e for e in open("/proc/self/environ").read().split("\\0") if e.startswith("SANDBOX_SHIM")]
seen["mark"] = mark == ["SANDBOX_SHIM=" + os.environ["SANDBOX_SHIM"]]
seen["children"] = len(open(f"/proc/self/task/{os.getpid()}/children").read().split())
seen["environ"] = [pair for pair in sorted(seen["environ"]) if pair[0] != "SANDBOX_SHIM"]
print(json.dumps(seen, indent=1))
"""

COMMANDS = [
    ["python", "app.py", "--port", "$PORT", "x y"],
    ["python", "-u", "-O", "app.py"],
    ["python", "./sub/../app.py"],
    ["python", "-m", "app", "$PORT"],
    ["python", "-c", "import app", "-v", "$PORT"],
    ["python", "-P", "app.py"],
    ["./app.py", "1"],
    ["trampoline", "$PORT"],
]


def fill(argv: list[str], port: str) -> list[str]:
    return [word.replace("$PORT", port) for word in argv]


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
async def test_the_program_sees_the_same(stage: Stage, argv: list[str]) -> None:
    stage.write("app.py", "#!/usr/bin/env python" + DUMP)
    (stage.folder / "app.py").chmod(0o755)
    (stage.folder / "sub").mkdir()
    trampoline = stage.environment / "bin" / "trampoline"
    head = "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n' '''\n"
    trampoline.write_text(head + DUMP)
    trampoline.chmod(0o755)
    os.umask(os.umask(0o22))
    assert await stage.prepare(fill(argv, "20001"), "crumb", "crumb.bits", "socket") == "ready"
    cold, warm = await stage.both(fill(argv, "20002"), PORT="20002")
    expected = json.loads(cold.printed)
    assert expected["depth"] == ("-m" not in argv and "-c" not in argv)
    assert list(difflib.unified_diff(lines(cold.printed), lines(warm.printed), "cold", "warm", n=0)) == []
    assert cold.how == warm.how == (0, None)


def lines(printed: str) -> list[str]:
    """Without the addresses of objects."""
    return re.sub(r"0x[0-9a-f]+", "0x", printed).splitlines()


async def test_nothing_of_ours_stays_imported(stage: Stage) -> None:
    stage.write("app.py", "import sys, json; print(json.dumps(sorted(sys.modules)))")
    assert await stage.prepare(["python", "app.py"]) == "ready"
    cold, warm = await stage.both(["python", "app.py"])
    assert cold.printed == warm.printed


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a last word')",
        "1/0",
        "import missing_thing",
        "def f(:",
        "raise KeyboardInterrupt",
        "import os; os.kill(os.getpid(), 15)",
        "import os; os.abort()",
        "import atexit; atexit.register(print, 'goodbye'); print('hello')",
        "import threading; threading.Thread(target=lambda: print('in a thread')).start()",
        "import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', 'import sys; print(sys.path)']))",
        "import traceback, inspect; traceback.print_stack(); print(len(inspect.stack()))",
        "import warnings; warnings.warn('careful', stacklevel=2)",
        "import sys; sys.stdout.write('no newline'); sys.stderr.write('nor here')",
        "import os; print(os.path.basename(os.getcwd())); os.execvp('echo', ['echo', 'another program'])",
        "from multiprocessing import Pool, set_start_method\n"
        "if __name__ == '__main__':\n    set_start_method('spawn'); print(Pool(2).map(abs, [-1, -2]))",
        "from multiprocessing import get_context\nprint(get_context('fork').Pool(2).map(abs, [-1, -2]))",
        "import asyncio\nasync def main(): print(asyncio.current_task() is None)\nasyncio.run(main())",
        "import asyncio\nasync def main(): print(await asyncio.to_thread(lambda: 5))\nasyncio.run(main())",
        "import logging; logging.warning('%s', 'logged')",
    ],
)
async def test_it_ends_and_speaks_the_same(stage: Stage, program: str) -> None:
    stage.write("app.py", program)
    assert (
        await stage.prepare(["python", "app.py"], "crumb", "multiprocessing.pool", "logging", "asyncio", "_asyncio")
        == "ready"
    )
    cold, warm = await stage.both(["python", "app.py"])
    assert (warm.how, warm.printed) == (cold.how, cold.printed)


async def test_a_missing_file_is_told_by_the_interpreter(stage: Stage) -> None:
    assert await stage.prepare(["python", "app.py"], "crumb") == "ready"
    cold, warm = await stage.both(["python", "app.py"])
    assert (warm.how, warm.printed) == (cold.how, cold.printed)
    assert "can't open file" in warm.printed


async def test_the_library_is_not_imported_again(stage: Stage) -> None:
    stage.write("app.py", "import crumb, os; print(crumb.loaded_by == os.getpid())")
    assert await stage.prepare(["python", "app.py"], "crumb") == "ready"
    cold, warm = await stage.both(["python", "app.py"])
    assert (cold.printed, warm.printed) == ("True\n", "False\n")


async def test_the_service_itself_is_read_anew_each_time(stage: Stage) -> None:
    stage.write("helper.py", "word = 'old'")
    stage.write("app.py", "import helper; print(helper.word)")
    assert await stage.prepare(["python", "app.py"], "crumb") == "ready"
    assert (await stage.both(["python", "app.py"]))[1].printed == "old\n"
    stage.write("helper.py", "word = 'newer'")
    (stage.paths.logs / "warm.log").unlink()
    assert (await stage.both(["python", "app.py"]))[1].printed == "newer\n"


async def test_randomness_is_not_shared(stage: Stage) -> None:
    stage.write("app.py", "import random, uuid; print(random.random(), uuid.uuid4())")
    assert await stage.prepare(["python", "app.py"], "random", "uuid") == "ready"
    for id in ("a", "b"):
        await stage.warm(id, ["python", "app.py"])
        await stage.prints(id, "\n")
    assert not set(stage.printed("a").split()) & set(stage.printed("b").split())


async def test_console_scripts_and_their_exit_codes(stage: Stage) -> None:
    stage.write("app.py", "name = 'rye'")
    stage.variables["PYTHONPATH"] = str(stage.folder)
    assert await stage.prepare(["baker", "bread"], "baker") == "ready"
    cold, warm = await stage.both(["baker", "bread"])
    assert (warm.how, warm.printed) == (cold.how, cold.printed) == ((7, None), "baked ['bread'] rye\n")


async def test_signals_reach_the_program(stage: Stage) -> None:
    stage.write(
        "app.py",
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('asked to go'))\n"
        "print('up\\n', end='')\nwhile True: time.sleep(10)",
    )
    assert await stage.prepare(["python", "app.py"], "crumb") == "ready"
    running = await stage.warm("a", ["python", "app.py"])
    await stage.prints("a", "up")
    await stage.shim.stop("a", 10)
    exit = await anext(aiter(stage.shim.exits("service")))
    assert (exit.code, exit.signal, exit.pid) == (1, None, running.pid)
    assert stage.printed("a") == "up\nasked to go\n"


async def test_what_it_daemonised_goes_with_it_and_not_with_the_zygote(stage: Stage) -> None:
    stage.write(
        "app.py",
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    open('grandchild.new', 'w').write(f'{os.getpid()}\\n'); os.rename('grandchild.new', 'grandchild')\n"
        "time.sleep(60)",
    )
    assert await stage.prepare(["python", "app.py"], "crumb") == "ready"
    running = await stage.warm("a", ["python", "app.py"])
    note = stage.folder / "grandchild"
    await until(lambda: read_pid(note) is not None)
    grandchild = read_pid(note) or 0
    await stage.shim.stop("z", 0)
    assert alive(grandchild) and alive(running.pid or 0)
    await stage.shim.stop("a", 1)
    assert not alive(grandchild)


async def test_the_zygotes_death_harms_no_child(stage: Stage) -> None:
    stage.write("app.py", "import time\nprint('up')\ntime.sleep(60)")
    assert await stage.prepare(["python", "app.py"], "crumb") == "ready"
    running = await stage.warm("a", ["python", "app.py"])
    await stage.prints("a", "up")
    zygote = next(kept for kept in await stage.shim.list() if kept.role == "zygote")
    os.kill(zygote.pid or 0, signal.SIGKILL)
    await until(lambda: not alive(zygote.pid or 0))
    assert alive(running.pid or 0)
