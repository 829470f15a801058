"""Dead letters for people: how many of which reason, and the rows themselves a page at a time. Of the files only the columns and
row groups are read that are shown: the source rows are most of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparse_index.builds.dead_letters import KEYS, SCHEMA, Key, by_reason
from sparse_index.console.build import build_view
from sparse_index.console.content import before_value
from sparse_index.console.problems import in_words
from sparse_index.console.readers import read_each
from sparse_index.console.receipts import Receipts, build_ids
from sparse_index.store.files import Store
from sparse_index.store.layout import DEAD_LETTERS, build_folder

BUILDS = 60
PAGE = 50
LONGEST_SOURCE = 10_000
REASONS = 100
# Documents, and rows that are none. What the model refused is a text: its documents are letters of the stage `index`.
DOCUMENTS = ("scan", "index")
_SHOWN = tuple(name for name in SCHEMA.names if name not in ("source", "file_version", "text_hash"))


@dataclass(frozen=True)
class LetterFile:
    build_id: str
    path: str

    @property
    def is_of_documents(self) -> bool:
        return self.path.rsplit("/", 1)[-1].startswith(DOCUMENTS)


@dataclass(frozen=True)
class Reason:
    """So many letters of so many builds say this; `newest`: the last of those."""

    stage: str | None
    error_class: str | None
    reason: str | None
    letters: int
    builds: int
    newest: str


@dataclass(frozen=True)
class Letter:
    """`source`: the row as JSON, None where it was not asked for; `cut`: it is longer."""

    values: dict[str, Any]
    source: str | None = None
    cut: bool = False


@dataclass(frozen=True)
class Letters:
    """`reasons`: the most frequent first, `more` letters have others; `documents`: letters that are rows of the corpus;
    `matching`: those of them that were asked for; `problems`: files that cannot be read."""

    reasons: tuple[Reason, ...] = ()
    more: int = 0
    documents: int = 0
    matching: int = 0
    rows: tuple[Letter, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Seen:
    """What one file says: its letters, by stage, class and reason where those are not too many, and which rows of it are asked
    for."""

    file: LetterFile
    letters: int = 0
    counts: Counter[Key] = field(default_factory=Counter)
    wanted: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    problem: str | None = None


def letter_files(store: Store, receipts: Receipts, alias: str, build_id: str | None = None) -> list[LetterFile]:
    """Of one build, or of the newest that did not say that they have none; the newest build's first."""
    with_some = [build_id] if build_id else _with_some(store, receipts, alias)
    folders = [f"{build_folder(alias, name)}/{DEAD_LETTERS}" for name in with_some]
    listed = _each(store, lambda folder: store.files(folder, ".parquet"), folders)
    return [LetterFile(name, path) for name, paths in zip(with_some, listed, strict=True) for path in paths]


def _with_some(store: Store, receipts: Receipts, alias: str) -> list[str]:
    ids = build_ids(store, alias)[:BUILDS]
    views = [build_view(name, found) for name, found in zip(ids, receipts.of(store, alias, ids), strict=True)]
    return [view.build_id for view in views if view.dead_letters != 0 or view.letters]


def read_letters(
    store: Store,
    files: Sequence[LetterFile],
    *,
    error_class: str | None = None,
    first: int = 0,
    many: int = PAGE,
    content: bool = False,
) -> Letters:
    """All reasons, and `many` rows from the `first` on, those of one class if it is named; `content`: with their sources, and
    with the values that reasons quote."""
    seen = _all_seen(store, files, error_class)
    reasons = _reasons(seen, content)
    of_documents = [each for each in seen if each.file.is_of_documents]
    return Letters(
        tuple(reasons[:REASONS]),
        sum(each.letters for each in seen) - sum(each.letters for each in reasons[:REASONS]),
        sum(each.letters for each in of_documents),
        sum(len(each.wanted) for each in of_documents),
        tuple(_wanted_rows(store, seen, first, many, content)),
        _problems(seen),
    )


def letter_rows(
    store: Store, files: Sequence[LetterFile], *, error_class: str | None = None, many: int, content: bool = False
) -> tuple[tuple[str, ...], Iterator[Letter]]:
    """(Files that cannot be read, the first `many` rows as `read_letters` has them). Rows are read as they are asked for: of all
    together the sources may be more than fits into memory."""
    seen = _all_seen(store, files, error_class)
    return _problems(seen), _wanted_rows(store, seen, 0, many, content)


def _all_seen(store: Store, files: Sequence[LetterFile], error_class: str | None) -> list[_Seen]:
    return _each(store, lambda file: _seen(store, file, error_class), files)


def _problems(seen: Iterable[_Seen]) -> tuple[str, ...]:
    return tuple(each.problem for each in seen if each.problem is not None)


def _wanted_rows(store: Store, seen: Iterable[_Seen], first: int, many: int, content: bool) -> Iterator[Letter]:
    return (row for each, wanted in _window(seen, first, many) for row in _rows(store, each, wanted, content))


def _each(store: Store, ask: Any, of: Sequence[Any]) -> list[Any]:
    """Side by side from a store that is far away."""
    if len(of) <= 1 or store.is_local:
        return [ask(one) for one in of]
    return read_each(ask, of)


def _seen(store: Store, file: LetterFile, error_class: str | None) -> _Seen:
    try:
        table = store.read_table(file.path, list(KEYS))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this file's alone
        return _Seen(file, problem=in_words(error))
    wanted = _wanted(table, error_class) if file.is_of_documents else np.empty(0, np.int64)
    return _Seen(file, len(table), by_reason(table), wanted)


def _wanted(table: pa.Table, error_class: str | None) -> np.ndarray:
    if error_class is None:
        return np.arange(len(table))
    asked = pc.fill_null(pc.equal(table["error_class"], error_class), fill_value=False)
    return np.flatnonzero(asked.to_numpy())


def _reasons(seen: Iterable[_Seen], content: bool) -> list[Reason]:
    letters: Counter[Key] = Counter()
    builds: dict[Key, set[str]] = {}
    for each in seen:
        for (stage, error_class, reason), many in each.counts.items():
            key = (stage, error_class, reason if content else _told(stage, reason))
            letters[key] += many
            builds.setdefault(key, set()).add(each.file.build_id)
    return [Reason(*key, many, len(builds[key]), max(builds[key])) for key, many in letters.most_common()]


def _told(stage: str | None, reason: str | None) -> str | None:
    return reason and before_value(reason, stage)


def _window(seen: Iterable[_Seen], first: int, many: int) -> Iterator[tuple[LetterFile, np.ndarray]]:
    """The wanted rows of each file that are among the `many` from the `first` on."""
    for each in seen:
        wanted = each.wanted[first : first + many]
        if len(wanted):
            yield each.file, wanted
        first = max(0, first - len(each.wanted))
        many -= len(wanted)


def _rows(store: Store, file: LetterFile, wanted: np.ndarray, content: bool) -> Iterator[Letter]:
    """From the row groups alone that hold them."""
    metadata = store.metadata(file.path)
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    starts = np.cumsum([0, *sizes])
    group_of = np.searchsorted(starts, wanted, side="right") - 1
    for group in sorted(set(group_of.tolist())):
        rows = wanted[group_of == group] - starts[group]
        columns = [*_SHOWN, "source"] if content else list(_SHOWN)
        table = store.read_table(file.path, columns, row_groups=[group]).take(pa.array(rows))
        yield from (_letter(row, content) for row in _cut(table).to_pylist())


def _cut(table: pa.Table) -> pa.Table:
    """With one character more than is shown of a source: so many rows are longer than any page."""
    if "source" not in table.column_names:
        return table
    cut = pc.utf8_slice_codeunits(table["source"], 0, LONGEST_SOURCE + 1)
    return table.set_column(table.column_names.index("source"), "source", cut)


def _letter(row: dict[str, Any], content: bool) -> Letter:
    source = row.get("source")
    values = {name: row.get(name) for name in _SHOWN}
    if not content:
        values["reason"] = _told(values["stage"], values["reason"])
    return Letter(values, source and source[:LONGEST_SOURCE], len(source or "") > LONGEST_SOURCE)
