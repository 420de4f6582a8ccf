from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from sandbox.errors import NotRunningError, SandboxError
from sandbox.tui.questions import Question, Questions


class Asked:
    """What a screen would ask and be told."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.taken: list[int] = []
        self.missing: list[tuple[str, str]] = []
        self.count = 0
        self._more = asyncio.Event()

    async def ask(self) -> int:
        self.count += 1
        self._more.set()
        if self.failure:
            raise self.failure
        return self.count

    def take(self, answer: int) -> None:
        self.taken.append(answer)
        self._more.set()

    def lack(self, what: str, why: str) -> None:
        self.missing.append((what, why))
        self._more.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
async def questions(asked: Asked) -> AsyncIterator[Questions]:
    found = Questions(asked.lack)
    yield found
    await found.close()


async def test_it_asks_at_once_and_again(asked: Asked, questions: Questions) -> None:
    questions.begin([Question("numbers", asked.ask, asked.take, 0.001)])

    await asked.until(lambda: len(asked.taken) >= 3)


async def test_without_a_pace_it_asks_when_it_is_woken(asked: Asked, questions: Questions) -> None:
    questions.begin([Question("numbers", asked.ask, asked.take, None)])
    await asked.until(lambda: asked.taken == [1])
    await asyncio.sleep(0)
    questions.again("numbers")
    await asked.until(lambda: asked.taken == [1, 2])


async def test_what_has_no_answer_is_said(asked: Asked, questions: Questions) -> None:
    asked.failure = SandboxError("is not there yet")
    questions.begin([Question("numbers", asked.ask, asked.take, 0.001)])

    await asked.until(lambda: asked.missing == [("numbers", "is not there yet")])


async def test_a_supervisor_that_is_away_is_said_elsewhere(asked: Asked, questions: Questions) -> None:
    asked.failure = NotRunningError("is not running")
    questions.begin([Question("numbers", asked.ask, asked.take, 0.001)])
    await asked.until(lambda: asked.count == 1)

    assert asked.missing == []


async def test_a_failure_of_ours_is_not_silent(asked: Asked, questions: Questions) -> None:
    asked.failure = ZeroDivisionError("division by zero")
    questions.begin([Question("numbers", asked.ask, asked.take, 0.001)])

    await asked.until(lambda: asked.missing == [("numbers", "internal error: division by zero")])


async def test_out_of_sight_nothing_is_asked(asked: Asked, questions: Questions) -> None:
    questions.begin([Question("numbers", asked.ask, asked.take, None)])
    await asked.until(lambda: asked.taken == [1])
    questions.end()
    questions.again()
    await asyncio.sleep(0)

    assert asked.count == 1
