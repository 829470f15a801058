"""Shards: the unit of one mapped scan task, and what scanning one gives."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from sparse_index.errors import BuildError
from sparse_index.values import Frozen


class Shard(Frozen):
    """Contiguous row groups of one corpus file, or some whole files: the unit of one mapped scan task.

    `version` identifies the content (size and mtime, or an ETag): another value means that the file changed. With
    `files` > 1, `uri` is the first of so many neighbours in the listing of `corpus`, and `version` covers all.
    `schema_path`: where in the store the types are in which it is read. `source_version`: of a table, what is read of it.
    `tokenizers`: vector field -> fingerprint of its encoder, where the store has its tokenizer: tokens are counted.
    `live_index`: what was behind the alias before the corpus was looked at.
    """

    number: int
    uri: str
    version: str
    first_row_group: int
    row_groups: int
    rows: int
    files: int = 1
    corpus: str = ""
    schema_path: str = ""
    source_version: str | None = None
    tokenizers: dict[str, str] = Field(default_factory=dict)
    live_index: str | None = None


class ShardScan(Frozen):
    """What scanning one shard found; `manifest` is a path in the store. `is_new`: it was read now, not by an earlier run."""

    shard: Shard
    manifest: str
    rows: int
    is_new: bool = True

    def __str__(self) -> str:
        did = "read and hashed" if self.is_new else "as an earlier run read them: nothing was read again"
        return f"Shard {self.shard.number}: {self.rows:,} rows of {self.shard.uri}, {did}."


def scans_of(shards: Sequence[Shard], scans: Sequence[ShardScan]) -> list[ShardScan]:
    """The scans of these shards, in their order; `BuildError` where one has none.

    There may be more: of a run that was cleared, Airflow keeps what shards gave that the corpus no longer has.
    """
    found = {scan.shard.number: scan for scan in scans if scan.shard.number < len(shards)}
    missing = [shard for shard in shards if shard.number not in found or found[shard.number].shard != shard]
    if missing:
        raise BuildError(
            f"{len(missing)} of {len(shards)} shard(s) have no scan in this run, the first of them shard {missing[0].number}, "
            f"{missing[0].uri}: a task 'scan' was set to success by hand, or the corpus was looked at anew since. Nothing was "
            "planned. Trigger a new run."
        )
    return [found[shard.number] for shard in shards]


def shards_in_words(shards: Sequence[Shard]) -> str:
    """A sentence: how many files, shards and rows."""
    files = sum(shard.files for shard in shards if shard.files > 1) + len({s.uri for s in shards if s.files == 1})
    rows, most = sum(shard.rows for shard in shards), max((shard.rows for shard in shards), default=0)
    return f"{files:,} file(s) with {rows:,} rows in {len(shards)} shard(s), of {most:,} rows at most."
