"""Random corpora, and an index that is a dict: what plans do to it, and what it should hold."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from plan_help import add_vectors, part_rows, write
from sparse_index.builds.plan import Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import documents_at
from sparse_index.corpus.schema import load_schema
from sparse_index.store.files import Store

Row = dict[str, Any]
# `PROPERTY_EXAMPLES=2000` looks further than the tests of every day, which try the same examples each time.
EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "0"))
GENEROUS = {"max_dead_letter_share": 1.0, "max_changed_share": 1.0, "max_deleted_share": 1.0, "min_documents": 0}
UNUSABLE_IDS = [None, "", "é" * 257]

ids = st.sampled_from([*(f"d{number}" for number in range(7)), " ", "e\u0301", "\u00e9", *UNUSABLE_IDS])
titles = st.sampled_from(["one", "two", "", None])
bodies = st.sampled_from(["short", "longer than the cut", " \n", "", None])
rows = st.fixed_dictionaries({"id": ids, "title": titles, "body": bodies, "price": st.integers(0, 1)})


def examples(count: int) -> settings:
    """Settings of a property test: so many examples, or as many as the environment asks for."""
    return settings(
        max_examples=EXAMPLES or count,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, int]:
    """Number of files, rows in a row group."""
    return draw(st.integers(1, 3)), draw(st.integers(1, 4))


@dataclass(frozen=True)
class Day:
    """What happens to the corpus before a run: rows go, change, come, are shuffled; the files are cut anew."""

    removed: list[int]
    replaced: list[tuple[int, Row]]
    added: list[Row]
    shuffle: int | None
    layout: tuple[int, int]

    def after(self, content: list[Row]) -> list[Row]:
        left = [row for number, row in enumerate(content) if number not in self.removed]
        for position, row in self.replaced:
            if left:
                left[position % len(left)] = row
        left += self.added
        if self.shuffle is not None:
            random.Random(self.shuffle).shuffle(left)
        return left or content


days = st.builds(
    Day,
    removed=st.lists(st.integers(0, 9), max_size=3),
    replaced=st.lists(st.tuples(st.integers(0, 9), rows), max_size=3),
    added=st.lists(rows, max_size=3),
    shuffle=st.none() | st.integers(0, 99),
    layout=layouts(),
)


def write_corpus(folder: Path, content: list[Row], layout: tuple[int, int]) -> None:
    """Replace the files of `folder`: the rows in this order, in so many files."""
    shutil.rmtree(folder, ignore_errors=True)
    files, group_rows = layout
    size = -(-len(content) // files)
    for number in range(files):
        write(folder, content[number * size : (number + 1) * size], f"{number}.parquet", group_rows)


def usable(row: Row) -> bool:
    return row["id"] not in UNUSABLE_IDS


def first_rows(content: Iterable[Row]) -> dict[str, Row]:
    """The row that wins for each usable id."""
    winners: dict[str, Row] = {}
    for row in filter(usable, content):
        winners.setdefault(row["id"], row)
    return winners


class DictIndex:
    """What the index stage makes of plans: documents by id, each with its fields and the hash of its vector's text."""

    def __init__(self, config: CorpusConfig) -> None:
        self._config = config
        self.documents: dict[str, tuple[Row, str | None]] = {}

    def apply(self, plan: Plan) -> None:
        """Encode what the plan asks for and run the writes of its index parts."""
        if plan.kind == "full":
            self.documents = {}
        self._encode(plan)
        written = part_rows(self._config, plan)
        assert len({item["id"] for item in written}) == len(written)
        for item in written:
            if item["op"] == "delete":
                del self.documents[item["id"]]
        self._write(plan, sorted((item for item in written if item["op"] == "index"), key=_place))

    def _encode(self, plan: Plan) -> None:
        known, asked = self._known(plan), [item["text_hash"] for item in part_rows(self._config, plan, "encode")]
        assert len(set(asked)) == len(asked) == plan.counts.texts_to_encode
        assert not known & set(asked)
        if asked:
            add_vectors(self._config, plan)

    def _write(self, plan: Plan, items: list[Row]) -> None:
        schema = load_schema(Store(self._config.store), plan.schema_path).schema
        for item, document in zip(items, documents_at(self._config, schema, map(Place.of, items)), strict=True):
            assert (item["id"], item["text_hash"]) == (document.id, document.text_hash)
            assert item["row_hash"] in (None, document.row_hash)
            self.documents[item["id"]] = (document.fields, document.text_hash)

    def _known(self, plan: Plan) -> set[str]:
        """Hashes of the texts that have a vector."""
        store = Store(self._config.store)
        files = store.files(f"vectors/{plan.fingerprint}", ".parquet")
        return {value for path in files for value in store.read_table(path)["text_hash"].to_pylist()}

    def require_vectors(self, plan: Plan) -> None:
        assert {text_hash for _, text_hash in self.documents.values() if text_hash} <= self._known(plan)

    @property
    def fields(self) -> dict[str, Row]:
        return {doc_id: fields for doc_id, (fields, _) in self.documents.items()}


def _place(item: Row) -> tuple[str, int, int]:
    return item["file"], item["row_group"], item["row"]
