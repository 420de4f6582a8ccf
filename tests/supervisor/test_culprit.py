"""What Python and Node print when they end, and what a person is told of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.supervisor.culprit import LINES, Culprit, find


def printed(folder: Path, program: str, files: Mapping[str, str]) -> list[str]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    command = sys.executable if program.endswith(".py") else "node"
    environment = {**os.environ, "PYTHONPATH": str(folder / "site-packages")}
    done = subprocess.run([command, program], cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode
    return done.stderr.splitlines()


def told(folder: Path, program: str, files: Mapping[str, str]) -> str:
    found = find(printed(folder, program, files), [str(folder)])
    assert found is not None
    return str(found)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"app.py": "x = 1\n1 / 0\n"}, "app.py:2: ZeroDivisionError: division by zero"),
        ({"app.py": "x = 1\ndef f(:\n"}, "app.py:2: SyntaxError: invalid syntax"),
        ({"app.py": "if True:\nx = 1\n"}, "app.py:2: IndentationError: expected an indented block"),
        ({"app.py": "\nimport lib.money\n", "lib/money.py": "def f(:\n"}, "lib/money.py:1: SyntaxError: "),
        ({"app.py": "import nope\n"}, "app.py:1: ModuleNotFoundError: No module named 'nope'"),
        ({"app.py": "import json\n\njson.loads('{')\n"}, "app.py:3: json.decoder.JSONDecodeError: Expecting property"),
        (
            {"app.py": "import bus\nbus.ride()\n", "site-packages/bus.py": "def ride():\n    raise KeyError('door')\n"},
            "app.py:2: KeyError: 'door'",
        ),
        ({"app.py": "try:\n    {}['PORT']\nexcept KeyError:\n    1 / 0\n"}, "app.py:4: ZeroDivisionError: division"),
        (
            {"app.py": "try:\n    {}['PORT']\nexcept KeyError as e:\n    raise RuntimeError('no port') from e\n"},
            "app.py:4: RuntimeError: no port",
        ),
        ({"app.py": "def f():\n    return f()\nf()\n"}, "app.py:2: RecursionError: maximum recursion depth exceeded"),
        ({"app.py": "raise ValueError('one\\ntwo')\n"}, "app.py:1: ValueError: one"),
        ({"app.py": "raise KeyboardInterrupt\n"}, "app.py:1: KeyboardInterrupt"),
        (
            {"app.py": "def f():\n    raise OSError('full')\ntry:\n    f()\nexcept OSError as e:\n"
             "    raise ExceptionGroup('several', [e])\n"},
            "app.py:2: OSError: full",
        ),
        ({"app.py": "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\nexit(1)\n"},
         "app.py:2: ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_python(tmp_path: Path, files: dict[str, str], said: str) -> None:
    assert told(tmp_path, "app.py", files).startswith(said)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"app.js": "const a = 1\nconst x = ;\n"}, "app.js:2: SyntaxError: Unexpected token ';'"),
        ({"app.js": "\nrequire('./lib')\n", "lib.js": "\n\nlet a; let a\n"},
         "lib.js:3: SyntaxError: Identifier 'a' has already been declared"),
        ({"app.js": "function f() {\n  throw new TypeError('boom\\nand more')\n}\nf()\n"}, "app.js:2: TypeError: boom"),
        ({"app.js": "\nrequire('./nope')\n"}, "app.js:2: Error: Cannot find module './nope'"),
        ({"app.js": "async function f() {\n  null.x\n}\nf()\n"},
         "app.js:2: TypeError: Cannot read properties of null (reading 'x')"),
        ({"app.js": "\nconsole.error(new Error('PORT'))\nprocess.exit(1)\n"},
         "app.js:2: Error: PORT"),
        ({"app.js": "require('bus')()\n", "node_modules/bus/index.js": "module.exports = () => { throw Error('x') }"},
         "app.js:1: Error: x"),
        ({"app.mjs": "import './lib.mjs'\n", "lib.mjs": "\nlet a; let a\n"},
         "lib.mjs:2: SyntaxError: Identifier 'a' has already been declared"),
        ({"app.mjs": "import x from 'nope'\n"}, "app.mjs: Error: Cannot find package 'nope' imported from "),
        ({"app.js": "require('http').createServer().listen(1, '203.0.113.1')\n"},
         "Error: listen EADDRNOTAVAIL: address not available 203.0.113.1:1"),
    ],
)  # fmt: skip
def test_node(tmp_path: Path, files: dict[str, str], said: str) -> None:
    assert told(tmp_path, next(iter(files)), files).startswith(said)


UVICORN = """\
INFO:     Started server process [7]
INFO:     Waiting for application startup.
ERROR:    Traceback (most recent call last):
  File "/usr/local/lib/python3.12/site-packages/starlette/routing.py", line 694, in lifespan
    async with self.lifespan_context(app) as maybe_state:
               ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/local/lib/python3.12/contextlib.py", line 210, in __aenter__
    return await anext(self.gen)
  File "/app/shop/main.py", line 31, in lifespan
    app.state.pool = await connect(settings.url)
  File "/usr/local/lib/python3.12/site-packages/asyncpg/connection.py", line 2421, in connect
    return await connect_utils._connect(
ConnectionRefusedError: [Errno 111] Connect call failed ('10.1.2.3', 5432)

ERROR:    Application startup failed. Exiting.
"""

GUNICORN = """\
[2026-01-01 00:00:00 +0000] [9] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/app/.venv/lib/python3.12/site-packages/gunicorn/arbiter.py", line 609, in spawn_worker
    worker.init_process()
  File "/app/app.py", line 7, in <module>
    from .menu import MENU
ImportError: attempted relative import with no known parent package
[2026-01-01 00:00:00 +0000] [9] [INFO] Worker exiting (pid: 9)
Traceback (most recent call last):
  File "/app/.venv/lib/python3.12/site-packages/gunicorn/arbiter.py", line 226, in run
    self.halt(reason=inst.reason, exit_status=inst.exit_status)
gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>
"""

COLOURED = """\
Traceback (most recent call last):
  File \x1b[35m"/srv/orders/app.py"\x1b[0m, line \x1b[35m3\x1b[0m, in \x1b[35m<module>\x1b[0m
    \x1b[31m1 \x1b[1;31m/\x1b[0m 0
\x1b[1;35mZeroDivisionError\x1b[0m: \x1b[35mdivision by zero\x1b[0m
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (UVICORN, "shop/main.py:31: ConnectionRefusedError: [Errno 111] Connect call failed ('10.1.2.3', 5432)"),
        (GUNICORN, "app.py:7: ImportError: attempted relative import with no known parent package"),
        (COLOURED, "/srv/orders/app.py:3: ZeroDivisionError: division by zero"),
    ],
)
def test_in_a_container(text: str, said: str) -> None:
    assert str(find(text.splitlines(), ["/app", "/"])) == said


def test_the_newest_counts() -> None:
    lines = [f'  File "/app/app.py", line {line}, in f\nValueError: {line}' for line in (1, 2, 3)]
    assert str(find("\n".join(lines).splitlines(), ["/app"])) == "app.py:3: ValueError: 3"


def test_a_file_of_somebody_else_is_not_named() -> None:
    assert find(['  File "/other/app.py", line 1', "ValueError: x"], ["/app"]) == Culprit("ValueError: x")


@pytest.mark.parametrize(
    "text", ["", "listening on 8000", "Error", 'File "/app/app.py", line 3', "GET /a:12\nTypeError: no stack here"]
)
def test_no_error_is_made_up(text: str) -> None:
    assert find(text.splitlines(), ["/app"]) is None


@given(st.lists(st.text(st.sampled_from('File "/app/x.py", line 1 at :|Error{}^\n'), max_size=40), max_size=2 * LINES))
def test_any_output_can_be_read(lines: list[str]) -> None:
    found = find(lines, ["/app", "/"])
    assert found is None or str(found)
