"""A command in a container on the user's own terminal, or without one."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
import pytest_asyncio

from sandbox.runtime.base import Running
from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import Stage, stage

MIB = 1024 * 1024


@dataclass
class Shell:
    """Someone who runs commands in a container."""

    theatre: Stage
    running: Running

    def words(self, *argv: str) -> list[str]:
        return list(self.theatre.driver.exec_spec(self.running.id, argv).argv)

    async def run(self, *argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return await asyncio.to_thread(
            lambda: subprocess.run(self.words(*argv), input=stdin, capture_output=True, timeout=60, check=False)
        )

    async def run_with(self, file: IO[bytes], *argv: str) -> subprocess.CompletedProcess[bytes]:
        """A file is its standard input."""
        return await asyncio.to_thread(
            lambda: subprocess.run(self.words(*argv), stdin=file, capture_output=True, timeout=60, check=False)
        )


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shell(engine: RealEngine) -> AsyncIterator[Shell]:
    async with stage(engine) as theatre:
        yield Shell(theatre, await theatre.start())


# --- without a terminal ---------------------------------------------------------------------------------------------


async def test_output_errors_and_code_are_the_commands(shell: Shell) -> None:
    done = await shell.run("sh", "-c", "echo out; echo err >&2; exit 41")
    assert (done.returncode, done.stdout, done.stderr) == (41, b"out\n", b"err\n")
    assert (await shell.run("test", "-t", "0")).returncode == 1


async def test_what_is_piped_in_arrives_with_its_end(shell: Shell, tmp_path: Path) -> None:
    assert (await shell.run("wc", "-c", stdin=b"x" * 100_000)).stdout == b"100000\n"
    assert (await shell.run("cat", stdin=b"")).stdout == b""
    (tmp_path / "file").write_bytes(b"from a file\n")
    with (tmp_path / "file").open("rb") as file:
        assert (await shell.run_with(file, "cat")).stdout == b"from a file\n"


async def test_much_both_ways_at_once(shell: Shell, tmp_path: Path) -> None:
    data = os.urandom(MIB) * 8
    assert (await shell.run("cat", stdin=data)).stdout == data
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb") as file:
        assert (await shell.run_with(file, "cat")).stdout == data


async def test_a_command_that_does_not_read(shell: Shell) -> None:
    assert (await shell.run("sh", "-c", "exec <&-; exit 6", stdin=b"x" * MIB)).returncode == 6


async def test_a_reader_that_has_enough(shell: Shell) -> None:
    command = subprocess.Popen(shell.words("yes"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout is not None
    assert command.stdout.read(4) == b"y\ny\n"
    command.stdout.close()
    _, told = await asyncio.to_thread(command.communicate)
    assert (command.returncode, told) == (128 + signal.SIGPIPE, b"")


async def test_without_any_input_at_all(shell: Shell) -> None:
    words = ["sh", "-c", 'exec "$@" <&-', "sh", *shell.words("cat")]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


async def test_a_command_that_closes_its_output_is_waited_for(shell: Shell) -> None:
    done = await shell.run("sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 9")
    assert done.returncode == 9


async def test_what_can_not_be_run_is_said_in_short(shell: Shell) -> None:
    missing = await shell.run("no-such-program")
    assert (missing.returncode, missing.stdout) == (127, b"")
    assert missing.stderr.decode().splitlines() == [
        f"error: {str(shell.running.container)[:12]}: no-such-program: no such file or directory in the image",
        "hint: check the command, and that the image has it",
    ]
    assert (await shell.run("/etc/passwd")).returncode == 126
    words = [word.replace(str(shell.running.container), "0" * 64) for word in shell.words("true")]
    gone = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=False)
    assert gone.returncode == 1
    assert "No such container" in gone.stderr
    assert "Traceback" not in gone.stderr


async def test_ctrl_c_is_no_traceback(shell: Shell) -> None:
    command = subprocess.Popen(
        shell.words("sh", "-c", "echo on; sleep 5"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    assert await asyncio.to_thread(command.stdout.readline) == b"on\n"
    command.send_signal(signal.SIGINT)
    _, told = await asyncio.to_thread(command.communicate)
    assert (command.returncode, told) == (130, b"")


# --- on a terminal --------------------------------------------------------------------------------------------------


class Terminal:
    """What a person sees and types."""

    def __init__(self, words: list[str], columns: int) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns)
        self.before = termios.tcgetattr(slave)
        environment = {**os.environ, "TERM": "vt220", "COLUMNS": "11", "LINES": "7"}
        self._slave = slave
        self.command = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        self.seen = b""

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    async def until(self, word: bytes) -> None:
        deadline = time.monotonic() + 20
        while word not in self.seen:
            assert time.monotonic() < deadline, self.seen
            await self._read()

    async def _read(self) -> None:
        os.set_blocking(self._master, False)
        try:
            self.seen += os.read(self._master, 65536)
        except BlockingIOError:
            await asyncio.sleep(0.01)

    async def code(self) -> int:
        while (code := self.command.poll()) is None:
            await self._read()
        return code

    def attributes(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))

    def close(self) -> None:
        self.command.kill()
        self.command.wait()
        os.close(self._master)
        os.close(self._slave)


@contextmanager
def terminal(shell: Shell, *argv: str, columns: int = 97) -> Iterator[Terminal]:
    opened = Terminal(shell.words(*argv), columns)
    try:
        yield opened
    finally:
        opened.close()


async def test_a_shell_on_a_terminal(shell: Shell) -> None:
    with terminal(shell, "sh") as screen:
        await screen.until(b"# ")
        screen.type(b"tty; echo $TERM; stty size; exit 23\n")
        assert await screen.code() == 23
        assert b"/dev/pts/" in screen.seen
        assert b"vt220" in screen.seen
        assert b"40 97" in screen.seen
        assert screen.attributes() == screen.before


async def test_keys_reach_the_command_and_not_us(shell: Shell) -> None:
    with terminal(
        shell, "sh", "-c", "trap 'echo caught; exit 4' INT; echo ready; while :; do sleep 0.05; done"
    ) as screen:
        await screen.until(b"ready")
        screen.type(b"\x03")
        await screen.until(b"caught")
        assert await screen.code() == 4


async def test_a_terminal_that_changes_its_size(shell: Shell) -> None:
    with terminal(shell, "sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done") as screen:
        await screen.until(b"ready")
        screen.resize(61)
        screen.command.send_signal(signal.SIGWINCH)
        await screen.until(b"40 61")
        screen.type(b"\x03")
        await screen.code()


async def test_a_missing_program_leaves_the_terminal_as_it_was(shell: Shell) -> None:
    with terminal(shell, "no-such-program") as screen:
        assert await screen.code() == 127
        await screen.until(b"no-such-program: no such file or directory in the image")
        assert screen.attributes() == screen.before


async def test_an_engine_that_is_gone(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "sandbox.runtime.docker.attach", f"unix://{tmp_path}/none.sock", "0" * 64, "true"]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: 000000000000: ")
    assert "Traceback" not in done.stderr
