"""What the libraries of table formats tell: the files of one version, and the values of their partitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import ModuleType

import pyarrow as pa

from sparse_index.corpus.partitions import Values
from sparse_index.errors import ConfigError


@dataclass(frozen=True)
class DataFile:
    """`uri`: its public address; `values`: what its partition says of every row."""

    uri: str
    values: Values


@dataclass(frozen=True)
class Wanted:
    """Which version of a table: by its number, else the last one before a time, else the current one."""

    version: int | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class Table:
    """One version of a table; `columns`: those it has, whatever else old files hold."""

    version: str
    columns: pa.Schema
    files: list[DataFile]


def library(name: str, source_format: str) -> ModuleType:
    """A module of the package that reads tables of a format; ConfigError when it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        package = name.split(".", maxsplit=1)[0]
        raise ConfigError(
            f"`source.format: {source_format}` needs the package {package}, which is not installed here ({error}). Install "
            f"it on every worker: pip install 'sparse-index-dags[{source_format}]', or {package} itself."
        ) from error
