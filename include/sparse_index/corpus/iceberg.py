"""The files of one snapshot of an Iceberg table, as its metadata say (package `pyiceberg`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from sparse_index.addresses import public_address, showable
from sparse_index.corpus.parquet import corpus_filesystem
from sparse_index.corpus.table import DataFile, Table, Wanted, library
from sparse_index.errors import CorpusError, UnavailableError
from sparse_index.store.filesystems import full_address

CATALOG = "iceberg://"
_POINTS = (
    "`source.uri` is iceberg://<catalog>/<namespace>.<table> (a catalog of pyiceberg's configuration), a file "
    "...metadata.json, or a table's folder in which metadata/version-hint.text says which of them is current"
)


def iceberg_table(uri: str, wanted: Wanted) -> Table:
    """CorpusError when there is no such table or snapshot, or when its files do not hold its rows as they are."""
    errors = library("pyiceberg.exceptions", "iceberg")
    missing = (errors.NoSuchTableError, errors.NoSuchNamespaceError, errors.NoSuchIcebergTableError)
    none = (FileNotFoundError, NotADirectoryError, ValueError, errors.ValidationError, *missing)
    refused = (errors.RESTError, errors.NotInstalledError)
    try:
        table = _opened(uri)
        snapshot = _snapshot(table, uri, wanted)
        columns = _columns(table, uri, snapshot)
        return Table(str(snapshot.snapshot_id), columns.as_arrow(), _files(table, uri, snapshot, columns))
    except none as error:
        raise CorpusError(
            f"{public_address(uri)} cannot be read as an Iceberg table: {error}. {_POINTS}."
        ) from showable(error)
    except (OSError, *refused) as error:
        raise UnavailableError(
            f"The Iceberg table at {public_address(uri)} cannot be reached ({error}). Its library takes credentials from its own "
            "configuration and the environment of the worker."
        ) from showable(error)


def _opened(uri: str) -> Any:
    if not uri.startswith(CATALOG):
        return library("pyiceberg.table", "iceberg").StaticTable.from_metadata(uri.rstrip("/"))
    catalog, _, name = uri.removeprefix(CATALOG).partition("/")
    with library("pyiceberg.catalog", "iceberg").load_catalog(catalog) as opened:
        return opened.load_table(name)


def _snapshot(table: Any, uri: str, wanted: Wanted) -> Any:
    if wanted.version is not None:
        found, which = table.snapshot_by_id(wanted.version), f"snapshot {wanted.version}"
    elif wanted.before is not None:
        moment = int(wanted.before.timestamp() * 1000)
        found = table.snapshot_as_of_timestamp(moment, inclusive=False)
        which = f"snapshot from before {wanted.before:%Y-%m-%d %H:%M} UTC"
    else:
        found, which = table.current_snapshot(), "snapshot yet"
    if found is None:
        raise CorpusError(
            f"The Iceberg table at {public_address(uri)} has no {which}. Choose another `source.version` or data date, or wait "
            "for the data."
        )
    return found


def _columns(table: Any, uri: str, snapshot: Any) -> Any:
    """The schema that the snapshot is read with: the table's own for the current one."""
    is_current = snapshot.snapshot_id == table.metadata.current_snapshot_id
    schema = table.schema() if is_current or snapshot.schema_id is None else table.schemas()[snapshot.schema_id]
    given = [each.name for each in schema.fields if each.initial_default is not None]
    if given:
        raise CorpusError(
            f"Columns of the Iceberg table at {public_address(uri)} have a value that old files lack (initial-default of "
            f"{', '.join(given)}), and would be read as null. Rewrite its data files, or export it as Parquet."
        )
    return schema


def _files(table: Any, uri: str, snapshot: Any, columns: Any) -> list[DataFile]:
    files = []
    for task in table.scan(snapshot_id=snapshot.snapshot_id).plan_files():
        if task.delete_files:
            raise CorpusError(
                f"Files of the Iceberg table at {public_address(uri)} have deletes beside them (merge on read): rows that are "
                "deleted are still in them. Run `rewrite_data_files` with `delete-file-threshold=1`, or write copy on write."
            )
        if str(task.file.file_format.value).upper() != "PARQUET":
            raise CorpusError(
                f"{task.file.file_path} of the Iceberg table at {public_address(uri)} is {task.file.file_format.value}: only "
                "Parquet is read. Rewrite the table's data files."
            )
        filesystem, name = corpus_filesystem(task.file.file_path)
        address = full_address(filesystem, task.file.file_path, name)
        files.append(DataFile(address, dict(_values(table, columns, task.file))))
    return sorted(files, key=lambda file: file.uri)


def _values(table: Any, columns: Any, file: Any) -> Iterator[tuple[str, str | None]]:
    """Of partitions by a column's value itself: a file that was added from elsewhere may hold them nowhere else."""
    identity = library("pyiceberg.transforms", "iceberg").IdentityTransform
    for at, part in enumerate(table.specs()[file.spec_id].fields):
        name = columns.find_column_name(part.source_id)
        if isinstance(part.transform, identity) and name is not None:
            value = file.partition[at]
            kind = columns.find_type(part.source_id)
            yield name, None if value is None else part.transform.to_human_string(kind, value)


def require_same_fields(table: pa.Schema, file: pa.Schema, place: str) -> None:
    """CorpusError for a file in which a column of the table has another name, or its name another column.

    Iceberg knows columns by number; a file that has none must have no column that the table does not know.
    """
    ours, theirs = dict(_numbered(table)), dict(_numbered(file))
    if not ours:
        return
    by_name = {path: number for number, path in ours.items()}
    renamed = sorted(path for number, path in theirs.items() if ours.get(number, path) != path)
    replaced = sorted(path for number, path in theirs.items() if by_name.get(path, number) != number)
    unknown = [] if theirs else [name for name in file.names if name not in table.names]
    strange = ", ".join([*renamed, *replaced, *unknown])
    if strange:
        raise CorpusError(
            f"{place}: columns were renamed or replaced since this file was written ({strange}). "
            "Rewrite the table's data files (`rewrite_data_files`), or export it as Parquet."
        )


def _numbered(schema: pa.Schema | pa.StructType, above: str = "") -> Iterator[tuple[int, str]]:
    for each in schema:
        number = (each.metadata or {}).get(b"PARQUET:field_id")
        if number is not None:
            yield int(number), f"{above}{each.name}"
        yield from _within(each.type, f"{above}{each.name}.")


def _within(kind: pa.DataType, above: str) -> Iterator[tuple[int, str]]:
    if pa.types.is_struct(kind):
        yield from _numbered(kind, above)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _within(kind.value_type, f"{above}[].")
    elif pa.types.is_map(kind):
        yield from _numbered(pa.struct([kind.key_field, kind.item_field]), f"{above}{{}}.")
