"""Real servers by their usual commands."""

from __future__ import annotations

import asyncio
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from sandbox.paths import ProjectPaths
from sandbox.runtime.buildpack.python import base_python, find_uv
from sandbox.runtime.client import ShimClient
from sandbox.runtime.zygote.keeper import existing
from sandbox.runtime.zygote.record import Record
from sandbox.runtime.zygote.seen import library_folders, modules
from tests.runtime.zygote.stage import Stage

pytestmark = pytest.mark.network

APPS = {
    "asgi.py": "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef home(): return 'a bun'\n",
    "wsgi.py": "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef home(): return '\"a bun\"'\n",
    "app.py": "from wsgi import app\nimport os\napp.run(port=int(os.environ['PORT']))\n",
    "plain.py": "import os\nfrom http.server import *\n"
    "class Home(BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n        self.send_response(200); self.end_headers(); self.wfile.write(b'\"a bun\"')\n"
    "ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Home).serve_forever()\n",
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("servers") / "env"
    create = ("venv", "--quiet", "--relocatable", "--no-project", "--python", base_python(), str(place))
    install = ("pip", "install", "--quiet", "--python", str(place), "fastapi", "uvicorn[standard]", "flask", "gunicorn")
    for arguments in (create, install):
        subprocess.run([find_uv(), *arguments], check=True)
    return place


@pytest.mark.parametrize(
    "command",
    [
        "uvicorn asgi:app --port $PORT",
        "python -m uvicorn asgi:app --port $PORT",
        "flask --app wsgi run --port $PORT",
        "python -m flask --app wsgi run --port $PORT",
        "gunicorn wsgi:app --bind 127.0.0.1:$PORT --workers 2",
        "python app.py",
        "python plain.py",
    ],
)
async def test_it_serves_and_says_the_same(
    shim: ShimClient, paths: ProjectPaths, servers: Path, tmp_path: Path, command: str, unused_tcp_port: int
) -> None:
    stage = Stage(shim, paths, servers, tmp_path)
    for name, text in APPS.items():
        stage.write(name, text)
    argv, port = command.replace("$PORT", str(unused_tcp_port)).split(), str(unused_tcp_port)
    await stage.cold("a", argv, PORT=port)
    await answers(port)
    folders = library_folders(servers)
    record = Record(modules(existing(await shim.seen("a", folders), folders)))
    await shim.stop("a", 5)
    while (says := await stage.prepare(argv, record=record)) != "ready":
        module, _, why = says.removeprefix("doubt ").partition("\t")
        record = record.without(module, why)
        async with asyncio.timeout(5):
            while await shim.list():
                await asyncio.sleep(0.01)
    assert len(record.left_out) < 4
    running = await stage.warm("b", argv, PORT=port)
    await answers(port)
    assert running.start == "warm"
    await shim.stop("b", 5)
    assert [kept.id for kept in await shim.list()] == ["z"]


async def answers(port: str) -> None:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
                return bool(answer.read() == b'"a bun"')
        except (urllib.error.URLError, OSError):
            return False

    async with asyncio.timeout(15):
        while not await asyncio.to_thread(ask):
            await asyncio.sleep(0.02)
