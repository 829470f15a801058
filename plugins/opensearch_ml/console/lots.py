"""One question about each of many corpora, in so few lots that all can be asked at once: a store that hangs takes its lot alone
along, and of a lot that is late what came in time is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from opensearch_ml.console.blocks import Block
from sparse_index.console.listed import Listed
from sparse_index.console.problems import in_words
from sparse_index.console.readers import read_each

LOTS = 16


class OfEach:
    """`questions`: for `SideBySide.ask`, beside others if need be. All corpora of a store are in one lot, eight at a time."""

    def __init__(self, name: str, wanted: Sequence[Listed], question: Callable[[Listed], Any]) -> None:
        self._question = question
        self._lots = _lots(name, wanted)
        self._found: dict[str, Block] = {}

    @property
    def questions(self) -> dict[str, Callable[[], Any]]:
        return {name: partial(read_each, self._ask, lot) for name, lot in self._lots.items()}

    def _ask(self, listed: Listed) -> None:
        try:
            self._found[listed.corpus] = Block(self._question(listed))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this corpus's alone
            self._found[listed.corpus] = Block(problem=in_words(error))

    def answers(self, blocks: Mapping[str, Block]) -> dict[str, Block]:
        """By corpus; `blocks`: what `SideBySide.ask` gave."""
        found = dict(self._found)
        return {each.corpus: found.get(each.corpus, blocks[name]) for name, lot in self._lots.items() for each in lot}


def _lots(name: str, wanted: Sequence[Listed]) -> dict[str, list[Listed]]:
    stores = sorted({each.store for each in wanted})
    lots: dict[str, list[Listed]] = {}
    for each in wanted:
        lots.setdefault(f"{name} {stores.index(each.store) % LOTS}", []).append(each)
    return lots
