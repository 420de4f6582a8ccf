"""A service that can be saved while it is under load, and the load: every request is accounted for."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from sandbox.tasks import Tasks

SERVICE = '''
"""Says which code it is. Slow ones take two seconds, what is posted is told, a WebSocket gets back what it sends."""
import base64, hashlib, os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CODE = 0

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ws":
            return self.echo()
        if self.path == "/slow":
            time.sleep(2)
        self.answer()

    def do_POST(self):
        name = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(f"did {name}\\n", end="", flush=True)  # one write: others write, too
        self.answer()

    def answer(self):
        body = str(CODE).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def echo(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return
            mask, data = self.rfile.read(4), self.rfile.read(head[1] & 127)
            self.wfile.write(bytes([129, len(data)]) + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def log_message(self, *words):
        pass

class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("", int(os.environ["PORT"])), Handler).serve_forever()
'''


def code(number: int) -> str:
    return SERVICE.replace("CODE = 0", f"CODE = {number}")


@dataclass
class Load:
    """What was asked of one gateway. `codes`: answers to GETs, by the code that gave them."""

    url: str
    codes: Counter[int] = field(default_factory=Counter)
    posted: list[str] = field(default_factory=list)  # what was answered
    slow: int = 0
    echoes: int = 0
    cuts: int = 0  # of the WebSocket, by the service
    failures: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def served(self, number: int, within: float = 30.0) -> None:
        """Until that code has answered."""
        async with asyncio.timeout(within):
            while not self.codes[number]:
                await asyncio.sleep(0.005)

    def executed(self, logs: Path) -> Counter[str]:
        """What the instances say they did, from the logs of all that there were."""
        lines = itertools.chain.from_iterable(log.read_text().splitlines() for log in logs.glob("web-*.log"))
        return Counter(line.removeprefix("did ") for line in lines if line.startswith("did "))

    # --- the clients --------------------------------------------------------------------------------------------

    async def _get(self, session: aiohttp.ClientSession) -> None:
        async with session.get(self.url) as answer:
            self.codes[int(await _body(answer))] += 1

    async def _post(self, session: aiohttp.ClientSession) -> None:
        name = f"order-{next(self._numbers)}"
        async with session.post(self.url, data=name) as answer:
            await _body(answer)
            self.posted.append(name)

    async def _slow(self, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{self.url}/slow") as answer:
            await _body(answer)
            self.slow += 1

    async def _talk(self, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(f"{self.url}/ws") as talk:
            while True:
                await talk.send_str(str(self.echoes))
                if (message := await talk.receive()).type is not aiohttp.WSMsgType.TEXT:
                    self.cuts += 1
                    return
                assert message.data == str(self.echoes)
                self.echoes += 1
                await asyncio.sleep(0.02)

    async def _again(self, ask: Callable[[aiohttp.ClientSession], Awaitable[None]], end: asyncio.Event) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            while not end.is_set():
                try:
                    await ask(session)
                except (aiohttp.ClientError, OSError, AssertionError) as error:
                    self.failures.append(f"{ask.__name__}: {type(error).__name__}: {error}")
                await asyncio.sleep(0.002)


@asynccontextmanager
async def load(url: str, gets: int = 4, posts: int = 2) -> AsyncIterator[Load]:
    """In the end, what is under way is answered before it returns; the WebSocket is hung up."""
    made, tasks, end = Load(url), Tasks(), asyncio.Event()
    talking = tasks.spawn(made._again(made._talk, end), name="talk")
    asking = [made._get] * gets + [made._post] * posts + [made._slow]
    clients = [tasks.spawn(made._again(ask, end), name="ask") for ask in asking]
    try:
        yield made
    finally:
        end.set()
        await asyncio.wait(clients)
        talking.cancel()
        await tasks.close()


async def _body(answer: aiohttp.ClientResponse) -> str:
    text = await answer.text()
    assert answer.status == 200, f"{answer.status} {text}"
    return text
