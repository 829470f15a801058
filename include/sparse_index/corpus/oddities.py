"""What a scan saw beside the rows: kept in the footer of the shard's manifest, so that a scan that is taken over says it too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from sparse_index.corpus.rows import DocumentBatch
from sparse_index.store.files import Store

_KEY = "sparse_index"


@dataclass
class Oddities:
    """`missing`: NaN by column, indexed as null; `unkept`: rows with a value that cannot be kept, `example` says one."""

    missing: Counter[str] = field(default_factory=Counter)
    unkept: int = 0
    example: str | None = None

    def add(self, batch: DocumentBatch) -> None:
        self._add(batch.missing, len(batch.problems), next(iter(batch.problems.values()), None))

    def _add(self, missing: dict[str, int], unkept: int, example: str | None) -> None:
        self.missing.update(missing)
        self.unkept += unkept
        self.example = self.example or example

    def footer(self) -> dict[str, str]:
        """For the metadata of a Parquet file."""
        values = {"missing": self.missing, "unkept": self.unkept, "example": self.example}
        return {_KEY: orjson.dumps(values).decode()}

    def notes(self) -> Iterator[str]:
        """In words, for the plan."""
        for name, count in sorted(self.missing.items()):
            yield f"column '{name}' is NaN in {count} rows: indexed as null"
        if self.unkept:
            yield f"{self.unkept} rows have a value that cannot be kept and become dead letters; one of them: {self.example}"


def oddities_of(store: Store, manifests: Sequence[str]) -> Oddities:
    """Those of several shards together."""
    total = Oddities()
    for path in manifests:
        total._add(**orjson.loads(store.footer(path).get(_KEY, '{"missing": {}, "unkept": 0, "example": null}')))
    return total
