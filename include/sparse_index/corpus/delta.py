"""The files of one version of a Delta Lake table, as its log says (package `deltalake`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from sparse_index.addresses import public_address, showable
from sparse_index.corpus.parquet import corpus_filesystem
from sparse_index.corpus.table import DataFile, Table, Wanted, library
from sparse_index.errors import CorpusError, UnavailableError
from sparse_index.store.filesystems import full_address


def delta_table(uri: str, wanted: Wanted) -> Table:
    """CorpusError when there is no such table or version, or when its files do not hold its rows as they are."""
    deltalake = library("deltalake", "delta")
    errors = library("deltalake.exceptions", "delta")
    try:
        table = _opened(deltalake, uri, wanted)
        _require_plain(table, uri, errors)
        return Table(str(table.version()), pa.schema(table.schema().to_arrow()), _files(table, uri))
    except (errors.DeltaError, ValueError) as error:
        raise CorpusError(
            f"{public_address(uri)} cannot be read as a Delta table: {error}. Look at `source.uri` (the table's folder) and "
            "`source.version`."
        ) from showable(error)
    except OSError as error:
        raise UnavailableError(
            f"The Delta table at {public_address(uri)} cannot be reached ({error}). Its library takes credentials from the "
            "environment of the worker."
        ) from showable(error)


def _opened(deltalake: Any, uri: str, wanted: Wanted) -> Any:
    if wanted.before is None:
        return deltalake.DeltaTable(uri, version=wanted.version)
    table = deltalake.DeltaTable(uri)
    commits = [(_moment(commit), commit["version"]) for commit in table.history()]
    version = max((version for moment, version in commits if moment < wanted.before), default=None)
    if version is None:
        raise CorpusError(
            f"The Delta table at {public_address(uri)} has no version from before {wanted.before:%Y-%m-%d %H:%M} UTC; the oldest "
            f"that its log knows is of {min(commits)[0]:%Y-%m-%d %H:%M}. Choose a later data date."
        )
    table.load_as_version(version)
    return table


def _moment(commit: dict[str, Any]) -> datetime:
    """When a version was committed; one that does not say is as old as can be."""
    return datetime.fromtimestamp(commit.get("timestamp", 0) / 1000, UTC)


def _require_plain(table: Any, uri: str, errors: Any) -> None:
    mapping = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    if mapping != "none":
        raise CorpusError(
            f"The Delta table at {public_address(uri)} maps its columns ({mapping}): the files call them by other names. Write "
            "it anew without `delta.columnMapping.mode`, or export it as Parquet."
        )
    if "deletionVectors" in (table.protocol().reader_features or ()) and _has_deletion_vectors(table, errors):
        raise CorpusError(
            f"Files of the Delta table at {public_address(uri)} have deletion vectors: rows that are deleted are still in them. "
            "Run `REORG TABLE ... APPLY (PURGE)`, and switch `delta.enableDeletionVectors` off."
        )


def _has_deletion_vectors(table: Any, errors: Any) -> bool:
    try:
        return bool(pa.table(table.deletion_vectors()).num_rows)
    except errors.DeltaError:
        return True  # it stumbles over one that does not say how many rows the file has


def _files(table: Any, uri: str) -> list[DataFile]:
    actions = pa.table(table.get_add_actions(flatten=True))
    filesystem, folder = corpus_filesystem(uri)
    keys = list(table.metadata().partition_columns)
    texts = {key: actions.column(f"partition.{key}").cast(pa.string()).to_pylist() for key in keys}
    files = []
    for at, path in enumerate(actions.column("path").to_pylist()):
        name = unquote(path)  # the log has it as a part of an address
        there = name if "://" in name or name.startswith("/") else f"{folder.rstrip('/')}/{name}"
        files.append(DataFile(full_address(filesystem, uri, there), {key: texts[key][at] for key in keys}))
    return sorted(files, key=lambda file: file.uri)
