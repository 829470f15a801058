"""Write a corpus of any size as Parquet files, in bounded memory.

Rows are made one row group at a time, so the memory needed depends on `ROWS_PER_GROUP` and never on the corpus.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from demo.columns import CORPUS_COLUMNS, make_row
from demo.documents import document_rng, write_document
from demo.scenes import load_scene

ROWS_PER_GROUP = 10_000
ROWS_PER_FILE = 250_000
COMMITTED_SEED = 20_250_101
COMMITTED_ROWS = 2_000


@dataclass(frozen=True)
class CorpusRequest:
    """What to generate: documents `first_index` .. `first_index + rows - 1` of a corpus and seed."""

    corpus: str
    rows: int
    seed: int = COMMITTED_SEED
    first_index: int = 0

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ValueError(f"A corpus needs at least 1 row, got {self.rows}.")

    def schema(self) -> pa.Schema:
        """The corpus's columns; the metadata say where the next day's new rows continue."""
        metadata = {"demo.corpus": self.corpus, "demo.next_index": str(self.first_index + self.rows)}
        return CORPUS_COLUMNS[self.corpus].schema.with_metadata(metadata)

    def table(self, start: int, stop: int) -> pa.Table:
        """Rows `start` .. `stop - 1`, counted from `first_index`."""
        indices = range(self.first_index + start, self.first_index + stop)
        return pa.Table.from_pylist([self._row(index) for index in indices], schema=self.schema())

    def _row(self, index: int) -> dict[str, object]:
        draft = write_document(load_scene(self.corpus), self.seed, index)
        return make_row(CORPUS_COLUMNS[self.corpus], draft, document_rng(self.corpus, self.seed, index, "columns"))


def row_groups(request: CorpusRequest) -> Iterator[pa.Table]:
    """The corpus as tables of at most ROWS_PER_GROUP rows."""
    for start in range(0, request.rows, ROWS_PER_GROUP):
        yield request.table(start, min(start + ROWS_PER_GROUP, request.rows))


def generate_corpus(request: CorpusRequest, directory: Path) -> list[Path]:
    """Write the corpus as `part-00000.parquet`, ... of at most ROWS_PER_FILE rows each; returns the files.

    Files are written side by side, one process a core: each holds its own row group in memory and nothing more.
    Raises ValueError when the folder holds other Parquet files, which would look like part of this corpus.
    """
    directory.mkdir(parents=True, exist_ok=True)
    requests = split_into_files(request)
    paths = [directory / f"part-{number:05d}.parquet" for number in range(len(requests))]
    if others := sorted(set(directory.glob("*.parquet")) - set(paths)):
        raise ValueError(f"{directory} holds other Parquet files ({others[0].name}, ...); choose an empty folder.")
    if len(requests) == 1:
        write_parquet(requests[0], paths[0])
        return paths
    with (
        ProcessPoolExecutor(mp_context=get_context("spawn")) as pool,
        tqdm(total=request.rows, unit="row", desc=f"{request.corpus} -> {directory}", disable=None) as progress,
    ):
        written = {pool.submit(write_parquet, *job): job[0].rows for job in zip(requests, paths, strict=True)}
        for future in as_completed(written):
            future.result()
            progress.update(written[future])
    return paths


def split_into_files(request: CorpusRequest) -> list[CorpusRequest]:
    """One request a file, in order, together the same documents."""
    starts = range(0, request.rows, ROWS_PER_FILE)
    return [
        replace(request, rows=min(ROWS_PER_FILE, request.rows - start), first_index=request.first_index + start)
        for start in starts
    ]


def write_parquet(request: CorpusRequest, path: Path) -> None:
    """Write one file, row group by row group, and move it to `path` only when it is complete."""
    unfinished = path.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, request.schema(), compression="zstd") as writer:
        for table in row_groups(request):
            writer.write_table(table)
    unfinished.replace(path)
