"""DuckDB over the store's Parquet files: joins and differences of any size in bounded memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from sparse_index.addresses import showable
from sparse_index.certificates import REFUSED
from sparse_index.errors import AccessError, BuildError, ConfigError, SparseIndexError, UnavailableError
from sparse_index.store.asked_once import forget
from sparse_index.store.files import Store
from sparse_index.store.refusals import TORN, untrusted
from sparse_index.store.spill import spill_folder

# What a task may take altogether; a plan over many documents is twice as quick where it need not spill.
MEMORY_VARIABLE = "SPARSE_INDEX_TASK_MEMORY_MB"
LEAST_MEMORY_MB = 512
_OUTSIDE_DUCKDB_MB = 272
# What DuckDB takes beyond its limit grows with it: with 2 GB for a task a plan over ten million rows took 2,184 MB.
_BEYOND = 0.1
THREADS = 2
# As many files as 50,000 rows may be in, at little cost: beyond them their names are written out, and shrink.
_DICTIONARY_WORDS = 1_000
_GLOB = re.compile(r"[*?\[]")
# DuckDB tells of what the library of an object store raises below it as text, in an error of no class of its own. From
# Python 3.12 on that text begins with the errors that led to it: the last one counts.
_RAISED_BELOW = re.compile(r".*^Traceback .*?^(?P<words>(?:\w+\.)*(?P<kind>\w+): .*?)$", re.DOTALL | re.MULTILINE)


# As the libraries of Amazon's, Microsoft's and Google's stores say it.
_DENIED = re.compile(
    r"([\w.]+\.)?(PermissionError|ClientAuthenticationError|HttpResponseError: Forbidden|OSError: Forbidden)\b"
)


@contextmanager
def connect(store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads `store.full(path)` addresses and spills to disk beyond its share of a task's memory. What DuckDB
    raises within the block becomes UnavailableError (memory, disk, a store that does not answer, a file in a bucket that another
    one than `copy_to` replaces meanwhile) or BuildError (all else)."""
    memory_mb = _memory_mb()
    with spill_folder(store) as spill:
        con = duckdb.connect(":memory:")
        try:
            con.execute(f"SET memory_limit='{memory_mb}MB'; SET threads={THREADS}; SET preserve_insertion_order=false")
            con.execute(f"SET temp_directory={literal(str(spill))}")
            if not store.is_local:
                forget(store.queried)
                con.register_filesystem(store.queried)
            yield con
        except duckdb.Error as error:
            raise _in_our_words(error) from showable(error)
        finally:
            con.close()


def _memory_mb() -> int:
    """Of DuckDB: what the task's memory leaves it. ConfigError where that is no number, or too small."""
    given = os.environ.get(MEMORY_VARIABLE) or str(LEAST_MEMORY_MB)
    if not given.isdecimal() or int(given) < LEAST_MEMORY_MB:
        raise ConfigError(
            f"{MEMORY_VARIABLE} is '{given}': it is a task's memory in MB, {LEAST_MEMORY_MB} at least. Correct it on the workers."
        )
    return int(given) - _OUTSIDE_DUCKDB_MB - int(_BEYOND * (int(given) - LEAST_MEMORY_MB))


def _in_our_words(error: duckdb.Error) -> SparseIndexError:
    if isinstance(error, duckdb.OutOfMemoryException):
        return UnavailableError(
            f"The store's files cannot be queried in the memory of a task: {str(error).splitlines()[0]}. Give the tasks of the "
            f"workers more, in MB, by {MEMORY_VARIABLE}, and run this again."
        )
    raised = _RAISED_BELOW.search(str(error))
    said = raised["words"] if raised else str(error)
    if REFUSED in said:
        return untrusted("The store's files cannot be queried", said)
    if raised and _DENIED.match(raised["words"]):
        return AccessError(
            f"The store's files cannot be queried: no permission ({said}). What the account of the workers needs: "
            "docs/deploy.md, the store."
        )
    if raised or isinstance(error, duckdb.OperationalError):
        return UnavailableError(
            f"The store's files cannot be queried for now: {said}. Look at the store, and at the worker's disk and memory; then "
            "run this again."
        )
    return BuildError(
        f"The store's files cannot be queried: {str(error).splitlines()[0]}. A file that this names is torn. {TORN}. Where it "
        "names none, report this as a defect."
    )


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def parquet(store: Store, paths: Sequence[str], *extra_columns: str) -> str:
    """The SQL table function that reads these files of the store, and nothing else.

    `extra_columns`: `filename`, `file_row_number`. Every read goes through here: by itself DuckDB takes `key=value` in the
    store's own address for a column of the files, and a `*`, `?` or `[` there for a pattern.
    """
    files = ", ".join(literal(_GLOB.sub(r"[\g<0>]", store.full(path))) for path in paths)
    options = "".join(f", {column} = true" for column in extra_columns)
    return f"read_parquet([{files}], hive_partitioning = false{options})"


def copy_to(con: duckdb.DuckDBPyConnection, store: Store, query: str, path: str, row_group_rows: int = 50_000) -> None:
    """Write the result of `query` to `path` in the store, in one step."""
    with store.writing(path) as local:
        target = literal(str(local))
        # Hashes do not shrink more at a higher level, and half of the time of a plan is this writing. A dictionary of them is
        # thrown away: the sooner it is seen that there are too many words, the better.
        how = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {row_group_rows}"
        con.execute(f"COPY ({query}) TO {target} ({how}, DICTIONARY_SIZE_LIMIT {_DICTIONARY_WORDS})")
    forget(store.queried)
