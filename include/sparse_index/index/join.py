"""An index part joined with its vectors, in the order of the part, in memory that grows by three numbers a vector.

Vectors are too big for a database's join and sort to hold, so the join is done in three steps: SQL over the hash
columns alone says which row of which file holds a vector and where in the part it is needed; the row groups that hold one
are read once, and each wanted vector is copied into the spill file of its window of the part; then the windows are
read one after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sparse_index.builds.plan import Part, Plan
from sparse_index.store.files import Store
from sparse_index.store.spill import spill_folder
from sparse_index.store.sql import connect, literal, parquet
from sparse_index.vectors.files import reading_vectors
from sparse_index.vectors.kind import Stored

ROWS_AT_ONCE = 500
VECTORS_AT_ONCE = 2_000
_WINDOW_ROWS = 2_000
# The rows of a long text's passages are many times as many.
_DIVIDED_WINDOW_ROWS = 200
_MOST_WINDOWS = 256

# Two builds may both have encoded a text; then either vector will do, and it must be one.
_WANTED = """
    WITH needed AS (
        SELECT DISTINCT text_hash, file_row_number // $window_rows AS part_window
        FROM ({texts}) WHERE text_hash IS NOT NULL
    ), stored AS (
        SELECT text_hash, min(filename) AS file, arg_min(file_row_number, filename) AS row
        FROM {files} SEMI JOIN needed USING (text_hash)
        GROUP BY text_hash
    )
    SELECT list_position($files, file) - 1 AS file, row, part_window
    FROM stored JOIN needed USING (text_hash) ORDER BY ALL"""


class TextVector(NamedTuple):
    """A text of a document, by its hash; `stored` None: the store has no vector of it."""

    text_hash: str
    stored: Stored | None


@dataclass(frozen=True)
class Wanted:
    """The vectors that a part needs of `file`, a path in the store: their rows in it, ascending, and beside each the window of
    the part that needs it. A row stands there as often as windows need it."""

    file: str
    rows: np.ndarray
    windows: np.ndarray


def vectors_of(store: Store, plan: Plan, part: Part, field: str) -> Iterator[list[TextVector]]:
    """Of a vector field, for each row of the part in its order: the texts that the row has in it, with their vectors. That is the
    whole text, or the field's own ones; nothing where there is no text."""
    config = plan.config.vector_fields[field]
    own, divided = config.has_own_texts, config.divided is not None
    # As many spill files are open at once as there are windows.
    window_rows = max(_DIVIDED_WINDOW_ROWS if divided else _WINDOW_ROWS, -(-part.items // _MOST_WINDOWS))
    text = f"unnest(passages[{literal(field)}]).text_hash AS text_hash" if own else "text_hash"
    texts = f"SELECT {text}, file_row_number FROM {parquet(store, [part.path], 'file_row_number')}"
    hashes = _hashes(store, part, field if own else None)
    with spill_folder(store) as folder:

        def spill(files: Sequence[str]) -> None:
            _spill(store, wanted_vectors(store, files, texts, window_rows), folder)

        reading_vectors(store, plan.fingerprint_of(field), spill)
        for number in count():
            window = list(islice(hashes, window_rows))
            if not window:
                return
            vectors = _Window(folder, number)
            yield from ([TextVector(each, vectors.of(each)) for each in of_row] for of_row in window)


def _hashes(store: Store, part: Part, field: str | None) -> Iterator[list[str]]:
    """Of the texts of each row: its whole one, or those of a vector field that has its own."""
    for batch in store.batches(part.path, ROWS_AT_ONCE):
        if field is None:
            yield from ([] if one is None else [one] for one in batch.column("text_hash").to_pylist())
        else:
            for passages in batch.column("passages").to_pylist():
                yield [passage["text_hash"] for passage in planned_passages(passages, field)]


def planned_passages(passages: Any, field: str) -> list[Mapping[str, Any]]:
    """`text_hash`, `start` and `end` of each passage in a vector field, in order, from a row's value of `passages`; none where
    it has no text."""
    found: list[Mapping[str, Any]] = dict(passages or ()).get(field, [])
    return found


def part_rows(store: Store, part: Part) -> Iterator[dict[str, Any]]:
    """The rows of the part, in its order: op, id, file, file_version, row_group, row, text_hash, row_hash, passages (since there
    are such)."""
    for batch in store.batches(part.path, ROWS_AT_ONCE):
        yield from batch.to_pylist()


def wanted_vectors(store: Store, files: Sequence[str], texts: str, window_rows: int) -> list[Wanted]:
    """What a part needs of each file. `files`: of vectors, paths in the store; `texts`: SQL of the hashes of the part's texts
    (`text_hash`) and of the rows that they stand in (`file_row_number`)."""
    if not files:
        return []
    wanted = _WANTED.format(texts=texts, files=parquet(store, files, "filename", "file_row_number"))
    with connect(store) as con:
        parameters = {"files": [store.full(path) for path in files], "window_rows": window_rows}
        # Three numbers a vector are kept, and the database has given its memory back before the vectors are read.
        found = con.execute(wanted, parameters).fetchnumpy()
    numbers, firsts = np.unique(found["file"], return_index=True)
    ends = np.append(firsts, len(found["file"]))[1:]
    return [
        Wanted(files[number], found["row"][first:end], found["part_window"][first:end])
        for number, first, end in zip(numbers, firsts, ends, strict=True)
    ]


def _spill(store: Store, wanted: Sequence[Wanted], folder: Path) -> None:
    """Copy each wanted vector into the file of every window that needs it."""
    writers: dict[int, Any] = {}
    with ExitStack() as stack:
        for of_file in wanted:
            for window, vectors in _pieces(store, of_file):
                if window not in writers:
                    sink = stack.enter_context(pa.OSFile(str(_window_path(folder, window)), "wb"))
                    writers[window] = stack.enter_context(pa.ipc.new_stream(sink, vectors.schema))
                writers[window].write_batch(vectors)


def _pieces(store: Store, wanted: Wanted) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The wanted rows of one file, by window. A day needs few of them, and the files are large."""
    for first, batch in store.batches_around(wanted.file, wanted.rows, VECTORS_AT_ONCE):
        here = slice(*wanted.rows.searchsorted([first, first + len(batch)]))
        rows, windows = wanted.rows[here] - first, wanted.windows[here]
        yield from ((window, batch.take(pa.array(rows[windows == window]))) for window in np.unique(windows).tolist())


def _window_path(folder: Path, window: int) -> Path:
    return folder / f"{window}.arrow"


class _Window:
    """The vectors of one window; kept as Arrow columns, which are a tenth of the same lists in Python."""

    def __init__(self, folder: Path, number: int) -> None:
        path = _window_path(folder, number)
        self._rows: dict[str, int] = {}
        self._columns: dict[str, pa.ChunkedArray] = {}
        if path.exists():
            with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as reader:
                table = reader.read_all().combine_chunks()
            self._rows = {text_hash: row for row, text_hash in enumerate(table.column("text_hash").to_pylist())}
            self._columns = dict(zip(table.column_names, table.columns, strict=True))

    def of(self, text_hash: str) -> Stored | None:
        row = self._rows.get(text_hash)
        return None if row is None else {name: column[row] for name, column in self._columns.items()}
