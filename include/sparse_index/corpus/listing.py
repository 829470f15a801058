"""Which files at an address are the data: not those of a job that has not committed, nor those of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from posixpath import dirname

import fsspec
from fsspec.utils import glob_translate

from sparse_index.addresses import public_address
from sparse_index.corpus.parquet import corpus_filesystem, is_web, reading, web_status
from sparse_index.errors import CorpusError
from sparse_index.store.filesystems import full_address
from sparse_index.store.whole_listings import LOST_AND_FOUND

LOOKS_AT_ONCE = 8
EXAMPLES = 3
_GLOB_SIGN = re.compile(r"[*?\[]")
_WEB_GLOB_SIGN = re.compile(r"[*\[]")  # a question mark begins the query
# What a Parquet file begins with; the second: one whose footer is encrypted.
_MAGIC = (b"PAR1", b"PARE")
_DELTA = (
    "belongs to a table of Delta Lake, whose log says which of its files count (the others hold deleted rows and old "
    "versions): set `source.format: delta`, with the table's folder as `source.uri`"
)
_ICEBERG = _DELTA.replace("Delta Lake, whose log says", "Iceberg, whose metadata say").replace("delta", "iceberg")
_HUDI = "belongs to a table of Hudi, which cannot be read: export it as plain Parquet files and name their folder"
_STREAM = "_spark_metadata"
_TABLE_FOLDERS = {"_delta_log": _DELTA, ".hoodie": _HUDI}
_ICEBERG_METADATA = re.compile(r"/metadata/[^/]*\.metadata\.json\Z")
NOT_THERE = "Correct `source.uri`, or wait until the corpus has arrived."


@dataclass(frozen=True)
class Listing:
    """Full public addresses, sorted. `files`: the Parquet files; `left_out`: what a person might take for data too, files
    that are no Parquet and hidden ones that are. `streamed`: whether Spark's streaming wrote some of them."""

    files: list[str]
    left_out: list[str]
    streamed: bool = False

    def notes(self, uri: str) -> Iterator[str]:
        """What a person should know of the files, a line each."""
        if self.left_out:
            yield f"files at {public_address(uri)} that are hidden or no Parquet and were not read: {_some(self.left_out)}"
        if self.streamed:
            yield (
                f"{public_address(uri)} was written by a stream of Spark. Its log {_STREAM} is not followed: what a batch that "
                "failed left there is read, too"
            )


def list_parquet(uri: str, remedy: str = NOT_THERE) -> Listing:
    """The Parquet files at `uri`: a file, a folder or a glob (a folder that it meets is read as one).

    Below the address, what begins with `_` or `.` is no data, as it is for Spark and Hive. A file whose name does not say
    that it is Parquet is looked into. CorpusError naming `remedy` when there is none, and for files of a table.
    """
    filesystem, path = corpus_filesystem(uri)
    with reading(uri):
        pattern, matched = _matched(filesystem, path)
        found = {name for match in matched for name in _files_in(filesystem, match)}
        names = sorted(name for name in found if not name.endswith("/"))  # what object stores have for an empty folder
        _require_no_table(filesystem, uri, matched, names)
        data, others = (names, []) if names == [path] else _parted(filesystem, pattern, names)
    files, left_out = (sorted(full_address(filesystem, uri, name) for name in group) for group in (data, others))
    if not files:
        beside = f" (there are {_some(left_out)}: hidden, or no Parquet)" if left_out else ""
        raise CorpusError(f"No Parquet file at {public_address(uri)}{beside}. {remedy}")
    return Listing(files, left_out, any(f"/{_STREAM}/" in name for name in names))


def _matched(filesystem: fsspec.AbstractFileSystem, path: str) -> tuple[str, list[str]]:
    """The pattern that was asked for and what it meets; a path that is there is no pattern."""
    signs = _WEB_GLOB_SIGN if is_web(filesystem) else _GLOB_SIGN
    if _exists(filesystem, path, unasked=not signs.search(path)):
        return path, [path]
    if not signs.search(path):
        return path, []
    pattern = _pattern(filesystem, path, signs)
    return pattern, list(filesystem.glob(pattern)) if is_web(filesystem) else _met(filesystem, pattern)


def _met(filesystem: fsspec.AbstractFileSystem, pattern: str) -> list[str]:
    """What it meets, looked for folder by folder: fsspec's own looks into every folder beside, too, also into those that nobody
    may list."""
    parts = pattern.split("/")
    first = next(number for number, part in enumerate(parts) if _GLOB_SIGN.search(part))
    found = ["/".join(parts[:first])]
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        for number, part in enumerate(parts[first:], first):
            if part == "**":
                rest = "/".join(parts[number:])
                return sorted({name for each in pool.map(partial(_below, filesystem, rest), found) for name in each})
            found = [name for each in pool.map(partial(_below, filesystem, part), found) for name in each]
    return sorted(found)


def _below(filesystem: fsspec.AbstractFileSystem, part: str, folder: str) -> list[str]:
    """What is called so in the folder, or below it where `part` begins with `**`; nothing where it is no folder."""
    try:
        if not _GLOB_SIGN.search(part):
            filesystem.info(f"{folder}/{part}")
            return [f"{folder}/{part}"]
        deep = part.startswith("**")
        names = filesystem.find(folder, withdirs=True) if deep else filesystem.ls(folder, detail=False)
    except (FileNotFoundError, NotADirectoryError):
        return []
    named = re.compile(glob_translate(part))
    below = (str(name).rstrip("/") for name in names if not str(name).endswith(LOST_AND_FOUND))
    return [name for name in below if name != folder and named.match(name.removeprefix(folder).removeprefix("/"))]


def _exists(filesystem: fsspec.AbstractFileSystem, path: str, *, unasked: bool = False) -> bool:
    """`unasked`: what is taken for true where one may not ask. A role for one prefix of an object store may list what is
    there, and is told of nothing else, not even that it is not there."""
    web = is_web(filesystem)
    if web and "*" in path:
        return False
    try:
        filesystem.info(path)
    except PermissionError:
        if web:
            raise
        return unasked
    except (FileNotFoundError, NotADirectoryError) as error:
        if web and web_status(error) != 404:
            raise
        return False
    return True


def _pattern(filesystem: fsspec.AbstractFileSystem, path: str, signs: re.Pattern[str]) -> str:
    """`path` with the signs escaped in those of its folders that bear them as their name."""
    folder = ""
    parts: list[str] = []
    for part in path.split("/"):
        folder = f"{folder}/{part}" if parts else part
        literal = signs.search(part) and not is_web(filesystem) and _exists(filesystem, folder)
        parts.append(signs.sub(r"[\g<0>]", part) if literal else part)
    return "/".join(parts)


def _files_in(filesystem: fsspec.AbstractFileSystem, name: str) -> list[str]:
    """All files below a folder, or the file itself."""
    if is_web(filesystem):
        # Every web address is a file; one that is a page of links is a folder, too.
        is_page = filesystem.info(name).get("mimetype") == "text/html"
        return list(filesystem.find(name)) if is_page else [name]
    if not filesystem.isdir(name):
        return [name]
    return list(filesystem.find(name))


def _parted(filesystem: fsspec.AbstractFileSystem, pattern: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Data, and what a person might take for it."""
    visible = [name for name in names if not _is_hidden(pattern, name)]
    unclear = [name for name in visible if not _is_named_parquet(name)]
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        looks = zip(unclear, pool.map(partial(_is_parquet, filesystem), unclear), strict=True)
        foreign = {name for name, is_data in looks if not is_data}
    hidden = {name for name in names if _is_hidden(pattern, name) and _is_named_parquet(name)}
    return [name for name in visible if name not in foreign], [*foreign, *hidden]


def _is_named_parquet(name: str) -> bool:
    return name.lower().endswith(".parquet")


def _is_parquet(filesystem: fsspec.AbstractFileSystem, name: str) -> bool:
    try:
        return filesystem.cat_file(name, start=0, end=4) in _MAGIC
    except IsADirectoryError:  # a link to a folder, which is not followed
        return False
    except OSError:
        if filesystem.size(name) != 0:  # object stores refuse to give a part of nothing
            raise
        return False


def _is_hidden(pattern: str, name: str) -> bool:
    """Whether a part of the path below the address begins with `_` or `.`, unless the address asks for just that.

    `_year=2026` is a partition, as it is for Spark.
    """
    asked = pattern.split("/")
    for at, part in enumerate(name.split("/")):
        same = at < len(asked) and "**" not in asked[: at + 1] and asked[at][:1] == part[:1]
        if not same and (part.startswith(".") or (part.startswith("_") and "=" not in part)):
            return True
    return False


def _require_no_table(
    filesystem: fsspec.AbstractFileSystem, uri: str, matched: Sequence[str], names: Iterable[str]
) -> None:
    """CorpusError when there is a table below the address, or the address is within one."""
    table = next(filter(None, map(_table_of, names)), None) or _table_around(filesystem, matched)
    if table is not None:
        raise CorpusError(f"{full_address(filesystem, uri, table[0])} {table[1]}.")


def _table_of(name: str) -> tuple[str, str] | None:
    """The table (folder, what it is) to which a file belongs by its path."""
    for mark, what in _TABLE_FOLDERS.items():
        folder, found, _ = name.partition(f"/{mark}/")
        if found:
            return folder, what
    metadata = _ICEBERG_METADATA.search(name)
    return (name[: metadata.start()], _ICEBERG) if metadata else None


def _table_around(filesystem: fsspec.AbstractFileSystem, matched: Iterable[str]) -> tuple[str, str] | None:
    # A folder of a partition is no table, and there may be many of them.
    folders = sorted({folder for name in matched for folder in _parents(name) if "=" not in folder.rsplit("/", 1)[-1]})
    if is_web(filesystem):
        return None
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        return next(filter(None, pool.map(partial(_table_at, filesystem), folders)), None)


def _parents(name: str) -> Iterator[str]:
    while "/" in name.strip("/"):
        name = dirname(name)
        yield name


def _table_at(filesystem: fsspec.AbstractFileSystem, folder: str) -> tuple[str, str] | None:
    try:
        for mark, what in _TABLE_FOLDERS.items():
            if filesystem.exists(f"{folder}/{mark}"):
                return folder, what
        found = map(_table_of, filesystem.ls(f"{folder}/metadata", detail=False))
        return next(filter(None, found), None)
    except (ConnectionError, TimeoutError):
        raise
    except OSError:  # not there, or not for us: who may read the corpus may read a table's own folder
        return None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return f"{', '.join(names[:EXAMPLES])}{more}"
