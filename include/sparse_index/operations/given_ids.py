"""The ids that somebody names: in so many words, or in a file at any fsspec address.

A Parquet or CSV file has them in the corpus's id column; any other file has one a line. Those of Parquet are read as the
corpus's own are, so that a number is the same document in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import PurePath

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from sparse_index.addresses import public_address, showable
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.fields import converter_of
from sparse_index.errors import ConfigError
from sparse_index.store.filesystems import filesystem_at


def given_ids(config: CorpusConfig, ids: Iterable[str] = (), address: str | None = None) -> pa.Array:
    """Each id once, sorted, as strings; ConfigError when there is none or the file cannot be read."""
    named = pa.array([name for name in ids if name], pa.string())
    found = pc.unique(pa.concat_arrays([named, _ids_at(config, address)] if address else [named]))
    if not len(found):
        raise ConfigError("No ids were given: name some, or a file that has any.")
    return found.take(pc.array_sort_indices(found))


def _ids_at(config: CorpusConfig, address: str) -> pa.Array:
    column, path = config.source.id_column, public_address(address)
    try:
        filesystem, place = filesystem_at(address)
        return pa.array(_read(config, filesystem.cat_file(place), PurePath(path).suffix.lower()), pa.string())
    except (OSError, UnicodeDecodeError, pa.ArrowException, KeyError) as error:
        raise ConfigError(
            f"No ids can be read from {path}: {error}. A .parquet or .csv file needs the column '{column}'; any other file has "
            "one id a line, in UTF-8."
        ) from showable(error)


def _read(config: CorpusConfig, data: bytes, suffix: str) -> list[str]:
    name = config.source.id_column
    if suffix == ".parquet":
        column = pq.read_table(BytesIO(data), columns=[name]).column(name).combine_chunks()
        values = converter_of(column.type, config.index.fields.get(name))(column).values
        return [str(value) for value in values if value is not None]
    if suffix == ".csv":
        words = csv.ConvertOptions(include_columns=[name], column_types={name: pa.string()})
        return list(filter(None, csv.read_csv(BytesIO(data), convert_options=words).column(name).to_pylist()))
    return [line for line in data.decode("utf-8-sig").replace("\r\n", "\n").split("\n") if line]
