"""The data set behind `source`: the Parquet files at an address, or one version of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from sparse_index.addresses import public_address
from sparse_index.config.corpus import SourceConfig
from sparse_index.corpus.delta import delta_table
from sparse_index.corpus.iceberg import iceberg_table, require_same_fields
from sparse_index.corpus.listing import NOT_THERE, list_parquet
from sparse_index.corpus.parquet import corpus_filesystem
from sparse_index.corpus.partitions import TYPES, Partitions, Values, folder_values, inferred_types, require_typed
from sparse_index.corpus.table import DataFile, Table, Wanted
from sparse_index.errors import ConfigError, CorpusError

_TABLES = {"delta": delta_table, "iceberg": iceberg_table}
_NAMES_DAY = re.compile(r"\{data_date")
_NO_LITERAL = re.compile(rf"[*?\[]|{_NAMES_DAY.pattern}")


@dataclass(frozen=True)
class DataSet:
    """`files`: sorted by address; `types`: of the columns that folders make, of which the `guessed` ones nobody told;
    `files_only`: columns that are asked for where folders do not count; `table`: None for plain files; `notes`:
    what was left out, in words."""

    files: list[DataFile]
    types: Mapping[str, pa.DataType]
    guessed: frozenset[str] = frozenset()
    files_only: frozenset[str] = frozenset()
    table: Table | None = None
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> str | None:
        """Of a table, what was read of it."""
        return self.table.version if self.table is not None else None

    def columns_of(self, file: DataFile, own: pa.Schema) -> pa.Schema:
        """The columns of a file: its own and those of its partition; of a table all that the table has, no others."""
        if self.table is None:
            _require_own(file, self.files_only - set(own.names))
            partition = [pa.field(key, self.types[key]) for key in file.values if key not in own.names]
            return pa.schema([*own, *partition])
        require_same_fields(self.table.columns, own, file.uri)
        return pa.schema([own.field(each.name) if each.name in own.names else each for each in self.table.columns])


def data_set(
    source: SourceConfig, uri: str, *, day: date | None = None, version: str | None = None, remedy: str = NOT_THERE
) -> DataSet:
    """The files at `uri`, the address with its day; of a table those of `version` (None: of what the configuration wants
    on `day`).

    CorpusError naming `remedy` when there is none, and for what cannot be read rightly.
    """
    if source.format == "parquet":
        return _plain_files(source, uri, remedy)
    wanted = Wanted(int(version)) if version is not None else _wanted(source, day)
    table = _TABLES[source.format](uri, wanted)
    if not table.files:
        raise CorpusError(f"Version {table.version} of the table at {public_address(uri)} has no file. {remedy}")
    return DataSet(table.files, {}, table=table)


def _wanted(source: SourceConfig, day: date | None) -> Wanted:
    if source.version != "data_date" or day is None:
        return Wanted(source.version if isinstance(source.version, int) else None)
    return Wanted(before=datetime.combine(day + timedelta(days=1), time(), UTC))


def _plain_files(source: SourceConfig, uri: str, remedy: str) -> DataSet:
    listing = list_parquet(uri, remedy)
    values_of = _folder_partitions(source)
    files = [DataFile(address, values_of(address)) for address in listing.files]
    types = inferred_types(file.values for file in files)
    told = source.partition_types or {}
    idle = [_idle_types(unknown, types, uri)] if (unknown := sorted(told.keys() - types.keys())) else []
    if idle and not _NAMES_DAY.search(source.uri):
        raise ConfigError(idle[0])
    types |= {key: TYPES[name] for key, name in told.items()}
    for file in files:
        require_typed(file.uri, file.values, types)
    guessed, notes = frozenset(types.keys() - told.keys()), (*listing.notes(uri), *idle)
    return DataSet(files, types, guessed, _files_only(source), notes=notes)


def _files_only(source: SourceConfig) -> frozenset[str]:
    named = [source.id_column, *source.text_columns, *(source.columns or ())]
    return frozenset(named if source.partitions == "ignore" else ())


def _require_own(file: DataFile, missing: Iterable[str]) -> None:
    """ConfigError for a column that the folders have and the file has not: in a feed's full build the documents of earlier
    days would lose it."""
    lost = sorted(name for name in missing if f"/{name}=" in file.uri)
    if lost:
        raise ConfigError(
            f"{file.uri} has no column {', '.join(lost)}: only its folders say it, and `source.partitions: ignore` leaves them "
            "out. Take that line out, or the column out of `source.columns`."
        )


def _idle_types(unknown: Sequence[str], there: Iterable[str], uri: str) -> str:
    """Of a feed a note: a day on which nothing happened may be a file without such folders."""
    return (
        f"`source.partition_types` names {', '.join(unknown)}, but no folder at {public_address(uri)} is a partition by it "
        f"(there are: {', '.join(sorted(there)) or 'none'})."
    )


def partitions_of(source: SourceConfig, version: str | None) -> Partitions:
    """The values of any file of the corpus (of a table: of its `version`), for those who read its rows."""
    if source.format == "parquet":
        return _folder_partitions(source)
    values = {file.uri: file.values for file in data_set(source, source.uri, version=version).files}
    return values.__getitem__


def _folder_partitions(source: SourceConfig) -> Partitions:
    """From the folders below the part of the address that is no pattern: a feed's day is a column, too."""
    if source.partitions == "ignore":
        return lambda _: {}
    address = public_address(source.uri)
    pattern = _NO_LITERAL.search(address)
    filesystem, base = corpus_filesystem(address[: pattern.start()].rpartition("/")[0] if pattern else address)

    def values(file: str) -> Values:
        path = str(filesystem._strip_protocol(file))
        # A file elsewhere is of a former address of the feed: then its whole path counts.
        return {} if path == base else folder_values(path.removeprefix(f"{base.rstrip('/')}/"))

    return values
