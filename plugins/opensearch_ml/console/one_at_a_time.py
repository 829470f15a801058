"""Searches cost the cluster work: of each person one is at work at a time. What else a page asks holds up nobody."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from opensearch_ml.console.blocks import Block, SideBySide

_BUSY = "Your former search still waits for its answer. Wait a moment, then reload."


class OneAtATime:
    """A search is at work until every question of it has ended, even where its page was given up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def ask(
        self,
        who: str,
        side_by_side: SideBySide,
        searches: Mapping[str, Callable[[], Any]],
        others: Mapping[str, Callable[[], Any]],
    ) -> dict[str, Block]:
        """The answers by the questions' names. `others` are asked beside the searches, by anybody at any time."""
        if not searches:
            return side_by_side.ask(others)
        if not self._begin(who, len(searches)):
            return side_by_side.ask(others) | dict.fromkeys(searches, Block(problem=_BUSY, asked=False))
        held = {name: partial(self._answer, who, each) for name, each in searches.items()}
        answers = side_by_side.ask({**others, **held})
        for name in held:
            if not answers[name].asked:
                self._end(who)
        return answers

    def _begin(self, who: str, questions: int) -> bool:
        with self._lock:
            if self._open[who]:
                return False
            self._open[who] = questions
            return True

    def _answer(self, who: str, question: Callable[[], Any]) -> Any:
        try:
            return question()
        finally:
            self._end(who)

    def _end(self, who: str) -> None:
        with self._lock:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
