"""Write the next day's version of a corpus: some texts changed, some rows deleted, some added.

What happens to a row depends on its id and the seed only. Memory is bounded by the largest row group.
"""

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from demo.columns import CORPUS_COLUMNS
from demo.generate import CorpusRequest, write_parquet
from demo.scenes import Scene, load_scene

_FIELD_ONLY_SHARE = 0.25


@dataclass(frozen=True)
class EditRequest:
    """Shares of the rows, 0..1. A quarter of the changed rows keep their text and change a number only."""

    changed: float
    deleted: float
    added: float
    seed: int

    def __post_init__(self) -> None:
        shares = (self.changed, self.deleted, self.added)
        if any(not 0 <= share <= 1 for share in shares) or self.changed + self.deleted > 1:
            raise ValueError(f"Shares must lie in 0..1 and changed + deleted may not exceed 1, got {self}.")


@dataclass(frozen=True)
class EditCounts:
    """Rows by what happened to them."""

    unchanged: int = 0
    text_changed: int = 0
    field_changed: int = 0
    deleted: int = 0
    added: int = 0

    def __add__(self, other: "EditCounts") -> "EditCounts":
        return EditCounts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def edit_corpus(source: Path, target: Path, request: EditRequest) -> EditCounts:
    """Edit every Parquet file of `source` into `target`; added rows come in a file of their own.

    Raises ValueError when `source` holds no Parquet file, or one that the demo generator did not write.
    """
    paths = sorted(source.glob("*.parquet"))
    if not paths:
        raise ValueError(f"There are no Parquet files in {source}; generate a corpus first.")
    if source.resolve() == target.resolve():
        raise ValueError(f"--out must differ from --in ({source}): yesterday's files are not overwritten.")
    target.mkdir(parents=True, exist_ok=True)
    counts = EditCounts()
    for path in paths:
        counts += _edit_file(path, target / path.name, request)
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    return counts + _add_rows(paths, target, round(rows * request.added), request.seed)


def _add_rows(paths: list[Path], target: Path, rows: int, seed: int) -> EditCounts:
    if rows == 0:
        return EditCounts()
    next_index = max(int(_demo_metadata(path)[b"demo.next_index"]) for path in paths)
    corpus = _demo_metadata(paths[0])[b"demo.corpus"].decode()
    write_parquet(CorpusRequest(corpus, rows, seed, next_index), target / f"added-{next_index:08d}.parquet")
    return EditCounts(added=rows)


def _demo_metadata(path: Path) -> dict[bytes, bytes]:
    metadata: dict[bytes, bytes] = pq.read_schema(path).metadata or {}
    if b"demo.corpus" not in metadata:
        raise ValueError(f"{path} was not written by `python -m demo generate`; only those files can be edited.")
    return metadata


def _edit_file(source: Path, target: Path, request: EditRequest) -> EditCounts:
    corpus = _demo_metadata(source)[b"demo.corpus"].decode()
    editor = Editor(load_scene(corpus), CORPUS_COLUMNS[corpus].changing_number, request)
    reader, counts = pq.ParquetFile(source), EditCounts()
    unfinished = target.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, reader.schema_arrow, compression="zstd") as writer:
        for group in range(reader.num_row_groups):
            edited, group_counts = editor.edit(reader.read_row_group(group))
            writer.write_table(edited)
            counts += group_counts
    unfinished.replace(target)
    return counts


@dataclass(frozen=True)
class Editor:
    """Changes and deletes rows of one corpus as `request` says."""

    scene: Scene
    number_column: str
    request: EditRequest

    def edit(self, table: pa.Table) -> tuple[pa.Table, EditCounts]:
        """One row group, without its deleted rows."""
        ids: list[str] = table["id"].to_pylist()
        fates = [self._fate(id_) for id_ in ids]
        bodies = [
            self._updated(id_, body) if fate == "text" else body
            for id_, body, fate in zip(ids, table["body"].to_pylist(), fates, strict=True)
        ]
        numbers = [
            number + 1 if fate == "field" else number
            for number, fate in zip(table[self.number_column].to_pylist(), fates, strict=True)
        ]
        edited = _with_column(_with_column(table, "body", bodies), self.number_column, numbers)
        kept = edited.filter(pa.array([fate != "deleted" for fate in fates]))
        return kept, EditCounts(fates.count("same"), fates.count("text"), fates.count("field"), fates.count("deleted"))

    def _fate(self, id_: str) -> str:
        digest = hashlib.blake2b(f"{self.request.seed}/{id_}".encode(), digest_size=8).digest()
        draw = int.from_bytes(digest, "big") / 2**64
        if draw < self.request.deleted:
            return "deleted"
        into_changed = draw - self.request.deleted
        if into_changed >= self.request.changed:
            return "same"
        return "field" if into_changed < self.request.changed * _FIELD_ONLY_SHARE else "text"

    def _updated(self, id_: str, body: str) -> str:
        rng = Random(f"{self.request.seed}/{id_}")
        update = rng.choice(self.scene.updates).render(self.scene.fillers.resolver({}, rng))
        return f"{body} {update}"


def _with_column(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    position = table.schema.get_field_index(name)
    return table.set_column(position, table.schema.field(name), pa.array(values, table.schema.field(name).type))
