"""Write a corpus of any size as Parquet files, in bounded memory.

Rows are made one row group at a time, so the memory needed depends on `ROWS_PER_GROUP` and never on the corpus.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from demo.columns import CORPUS_COLUMNS, make_row
from demo.documents import document_rng, write_document
from demo.scenes import load_scene

ROWS_PER_GROUP = 10_000
ROWS_PER_FILE = 1_000_000
COMMITTED_SEED = 20_250_101
COMMITTED_ROWS = 2_000


@dataclass(frozen=True)
class CorpusRequest:
    """What to generate: documents `first_index` .. `first_index + rows - 1` of a corpus and seed."""

    corpus: str
    rows: int
    seed: int = COMMITTED_SEED
    first_index: int = 0

    def table(self, start: int, stop: int) -> pa.Table:
        """Rows `start` .. `stop - 1`, counted from `first_index`."""
        columns = CORPUS_COLUMNS[self.corpus]
        indices = range(self.first_index + start, self.first_index + stop)
        rows = [self._row(index) for index in indices]
        return pa.Table.from_pylist(rows, schema=columns.schema.with_metadata(self._metadata()))

    def _row(self, index: int) -> dict[str, object]:
        draft = write_document(load_scene(self.corpus), self.seed, index)
        return make_row(CORPUS_COLUMNS[self.corpus], draft, document_rng(self.corpus, self.seed, index, "columns"))

    def _metadata(self) -> dict[str, str]:
        return {"demo.corpus": self.corpus, "demo.next_index": str(self.first_index + self.rows)}


def row_groups(request: CorpusRequest) -> Iterator[pa.Table]:
    """The corpus as tables of at most ROWS_PER_GROUP rows."""
    for start in range(0, request.rows, ROWS_PER_GROUP):
        yield request.table(start, min(start + ROWS_PER_GROUP, request.rows))


def generate_corpus(request: CorpusRequest, directory: Path) -> list[Path]:
    """Write the corpus as `part-00000.parquet`, ... of at most ROWS_PER_FILE rows each; returns the files."""
    directory.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with tqdm(total=request.rows, unit="row", desc=f"{request.corpus} -> {directory}", disable=None) as progress:
        for start in range(0, request.rows, ROWS_PER_FILE):
            rows = min(ROWS_PER_FILE, request.rows - start)
            files.append(directory / f"part-{len(files):05d}.parquet")
            file_request = CorpusRequest(request.corpus, rows, request.seed, request.first_index + start)
            write_parquet(file_request, files[-1], progress)
    return files


def write_parquet(request: CorpusRequest, path: Path, progress: "tqdm[None] | None" = None) -> None:
    """Write one file, row group by row group, and move it to `path` only when it is complete."""
    schema = request.table(0, 0).schema
    unfinished = path.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
        for table in row_groups(request):
            writer.write_table(table)
            if progress is not None:
                progress.update(table.num_rows)
    unfinished.replace(path)
