"""Write a corpus as a feed: one folder a day, `day=2026-01-31`, with the documents that were touched on that day.

A day's rows depend on the seed and the day only, so that days may be written, and read, in any order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from demo.columns import CORPUS_COLUMNS
from demo.edit import Editor, EditRequest
from demo.generate import COMMITTED_SEED, CorpusRequest
from demo.scenes import load_scene

TOMBSTONE = "deleted"
_CHANGED_SHARE, _DELETED_SHARE = 0.6, 0.15


@dataclass(frozen=True)
class FeedRequest:
    """Each of `days` touches `rows` of the first `documents` documents of a corpus."""

    corpus: str
    first_day: date
    days: int
    rows: int
    documents: int
    seed: int = COMMITTED_SEED

    def __post_init__(self) -> None:
        if self.days < 1 or not 1 <= self.rows <= self.documents:
            raise ValueError(f"A feed needs at least 1 day, and 1 to `documents` rows a day, got {self}.")


def write_feed(request: FeedRequest, directory: Path) -> list[Path]:
    """Write the partitions; returns their files, the oldest day first."""
    return [_write(day, table, directory) for day, table in _days(request)]


def _days(request: FeedRequest) -> Iterator[tuple[date, pa.Table]]:
    documents = CorpusRequest(request.corpus, request.documents, request.seed).table(0, request.documents)
    for number in range(request.days):
        day = request.first_day + timedelta(days=number)
        chosen = Random(f"{request.seed}/{day}").sample(range(request.documents), request.rows)
        yield day, _touched(request, day, documents.take(sorted(chosen)))


def _touched(request: FeedRequest, day: date, table: pa.Table) -> pa.Table:
    """What a day brings: rows as they are now, and a tombstone for each document that is gone."""
    edit = EditRequest(_CHANGED_SHARE, _DELETED_SHARE, 0, seed=request.seed + day.toordinal())
    number = CORPUS_COLUMNS[request.corpus].changing_number
    kept, _ = Editor(load_scene(request.corpus), number, edit).edit(table)
    gone = table.filter(pc.invert(pc.is_in(table["id"], kept["id"])))
    return pa.concat_tables([_marked(kept, False), _marked(gone, True)])


def _marked(table: pa.Table, deleted: bool) -> pa.Table:
    return table.append_column(TOMBSTONE, pa.array([deleted] * len(table), pa.bool_()))


def _write(day: date, table: pa.Table, directory: Path) -> Path:
    path = directory / f"day={day}" / "part-00000.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(table, unfinished, compression="zstd")
    return unfinished.replace(path)
