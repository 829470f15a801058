"""Shards: the unit of one mapped scan task, and what scanning one gives."""

from __future__ import annotations

from sparse_index.values import Frozen


class Shard(Frozen):
    """Contiguous row groups of one corpus file, or some whole files: the unit of one mapped scan task.

    `version` identifies the content (mtime and inode, or an ETag): another value means that the file changed. With
    `files` > 1, `uri` is the first of so many neighbours in the listing of `corpus`, and `version` covers all.
    `schema_path`: where in the store the types are in which it is read. `source_version`: of a table, what is read of it.
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


class ShardScan(Frozen):
    """What scanning one shard found; `manifest` is a path in the store."""

    shard: Shard
    manifest: str
    rows: int
