"""The blocks of a page, asked side by side: each fails alone, with a sentence, and none keeps the page waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

from sparse_index.console.batches import Answers
from sparse_index.console.problems import in_words

DEADLINE_S = 5.0
# Of all pages together. What hangs for ever (a file system that is gone) must not take one thread a page.
MOST_AT_ONCE = 128


@dataclass(frozen=True)
class Block:
    """`value`, or the `problem` that stands in its place. `asked`: False where the question was not even asked."""

    value: Any = None
    problem: str | None = None
    asked: bool = True


class SideBySide:
    """Asks in threads of their own, which no shutdown waits for."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)

    def ask(self, questions: Mapping[str, Callable[[], Any]]) -> dict[str, Block]:
        """The answers by the questions' names."""
        asked = {name: self._start(question) for name, question in questions.items()}
        wait([future for future in asked.values() if future is not None], self._deadline_s)
        return {name: self._block(future) for name, future in asked.items()}

    def _start(self, question: Callable[[], Any]) -> Future[Any] | None:
        if not self._free.acquire(blocking=False):
            return None
        future: Future[Any] = Future()
        thread = threading.Thread(target=self._answer, args=(question, future), name="console", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the process has as many as it may have
            self._free.release()
            return None
        return future

    def _answer(self, question: Callable[[], Any], future: Future[Any]) -> None:
        try:
            future.set_result(question())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this block's alone
            future.set_exception(error)
        finally:
            self._free.release()

    def _block(self, future: Future[Any] | None) -> Block:
        if future is None:
            return Block(
                problem="Too many questions wait for an answer already. Look at store and cluster, then reload.",
                asked=False,
            )
        if not future.done():
            return Block(
                problem=f"No answer within {self._deadline_s:.0f} seconds. Look at store and cluster, then reload."
            )
        error = future.exception()
        return Block(future.result()) if error is None else Block(problem=in_words(error))


def of_alias(answers: Block, alias: str) -> Block:
    """What a block whose value are `Answers` says of one alias; a value of None: nothing is there."""
    if answers.problem is not None:
        return answers
    told: Answers[Any] = answers.value
    refused = told.refused.get(alias)
    return Block(told.found.get(alias)) if refused is None else Block(problem=in_words(refused))
