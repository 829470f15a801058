"""Thirty partitions in any order, some of them twice: the same documents, the same manifest."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plan_help import SCHEMA, config_at, planned, row, write
from property_help import GENEROUS, DictIndex, Row, examples, first_rows, rows
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.store.files import Store

FIRST_DAY = date(2026, 1, 1)
FEED_SCHEMA = SCHEMA.append(pa.field("gone", pa.bool_()))

feed_rows = st.tuples(rows, st.sampled_from([False, False, True, None])).map(lambda both: both[0] | {"gone": both[1]})
feeds = st.lists(st.lists(feed_rows, min_size=1, max_size=5), min_size=2, max_size=5)


def feed_at(folder: Path, partitions: Sequence[Sequence[Row]]) -> CorpusConfig:
    """A feed whose first partition is of FIRST_DAY, the next of the day after, and so on."""
    for number, content in enumerate(partitions):
        write(folder / "corpus" / f"{day_of(number)}", list(content), group_rows=4, schema=FEED_SCHEMA)
    source = {
        "uri": f"{folder}/corpus/{{data_date}}",
        "columns": SCHEMA.names,
        "deleted_column": "gone",
        "max_text_chars": 10,
        "backfill_horizon_days": 30,
    }
    return config_at(folder, kind="feed", limits=GENEROUS, source=source)


def day_of(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)


@dataclass(frozen=True)
class Outcome:
    """The final state of a feed: manifest by id, and the documents of the index."""

    manifest: dict[str, Row]
    documents: dict[str, Any]


def run_in_order(config: CorpusConfig, order: Sequence[int], store: str, modes: Sequence[str] = ()) -> Outcome:
    """Run the partitions of these numbers one after another, in an empty store of their own."""
    config = config.model_copy(update={"store": f"{config.store}-{store}"})
    index, live = DictIndex(config), None
    for step, number in enumerate(order):
        mode = modes[step % len(modes)] if modes else "auto"
        plan = planned(config, live=live, token=f"{step:03d}", data_date=day_of(number), mode=mode)
        index.apply(plan)
        assert plan.counts.documents == len(index.documents)
        live = plan if live is None or plan.kind is not BuildKind.NOTHING else live
    assert live is not None
    return Outcome(manifest_of(config, live), index.documents)


def manifest_of(config: CorpusConfig, plan: Plan) -> dict[str, Row]:
    items = Store(config.store).read_table(plan.manifest).to_pylist()
    found = {item["id"]: item for item in items}
    assert len(found) == len(items)
    return found


def fields_of(outcome: Outcome) -> dict[str, Row]:
    return {doc_id: fields for doc_id, (fields, _) in outcome.documents.items()}


def expected(partitions: Sequence[Sequence[Row]]) -> dict[str, Row]:
    """The newest day's row for each id; those that it deletes are not there."""
    newest: dict[str, Row] = {}
    for content in partitions:
        newest |= first_rows(content)
    return {
        doc_id: {name: item[name] for name in SCHEMA.names}
        for doc_id, item in newest.items()
        if item["gone"] is not True
    }


@examples(8)
@given(feeds, st.data())
def test_the_order_of_partitions_does_not_matter(partitions: list[list[Row]], data: st.DataObject) -> None:
    numbers = range(len(partitions))
    again = data.draw(st.lists(st.sampled_from(numbers), max_size=2), label="again")
    order = data.draw(st.permutations([*numbers, *again]), label="order")
    modes = data.draw(st.lists(st.sampled_from(["auto", "auto", "full"]), min_size=1, max_size=3), label="modes")
    with TemporaryDirectory() as name:
        config = feed_at(Path(name), partitions)
        straight = run_in_order(config, list(numbers), "straight")
        other = run_in_order(config, order, "other", modes)
    assert other == straight
    assert fields_of(straight) == expected(partitions)


def thirty_days() -> list[list[Row]]:
    """Every day changes some of the documents and deletes some."""
    chance = random.Random(7)
    days = []
    for day in range(30):
        chosen = chance.sample(range(40), 8)
        days.append([row(number, body=f"day {day}") | {"gone": chance.random() < 0.3} for number in chosen])
    return days


@pytest.fixture(scope="module")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[CorpusConfig, Outcome]:
    config = feed_at(tmp_path_factory.mktemp("feed"), thirty_days())
    return config, run_in_order(config, range(30), "straight")


SHUFFLED = random.Random(11).sample(range(30), 30)


@pytest.mark.parametrize("order", [list(reversed(range(30))), SHUFFLED], ids=["newest first", "shuffled"])
def test_thirty_days_give_the_same_index(thirty: tuple[CorpusConfig, Outcome], order: list[int]) -> None:
    config, straight = thirty
    assert run_in_order(config, order, f"order-{order[0]}") == straight
    assert fields_of(straight) == expected(thirty_days())
