"""Thirty partitions of a feed on the real server, in any order: one index, every run green, no deletion undone (P4)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from build_plans import remove_indices
from demo.feed import TOMBSTONE, FeedRequest, write_feed
from ml_verbs import deployed, registered
from promises import check_promises
from real_builds import MODEL_ZIP, documents, real_config
from sparse_index.cluster import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.files import plan_shards
from sparse_index.corpus.scan import scan_shard
from sparse_index.errors import BuildError, CorpusError
from sparse_index.index.alias import observe_alias
from sparse_index.index.meta import read_meta
from sparse_index.ml import commons
from sparse_index.names import group_name, new_build_id
from sparse_index.operations.rollback import rollback
from sparse_index.pipeline import Run, run
from sparse_index.plan.model import BuildKind, Plan, RunRequest
from sparse_index.store import Store

pytestmark = pytest.mark.integration

FEED = FeedRequest("tickets", first_day=date(2026, 1, 1), days=30, rows=12, documents=40)
DAYS = [FEED.first_day + timedelta(days=number) for number in range(FEED.days)]
COLUMNS = ["id", "title", "body", "category", "replies"]
GREEN = {"promoted", "nothing_changed"}


@pytest.fixture(scope="module")
def partitions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("partitions")
    write_feed(FEED, folder)
    return folder


@pytest.fixture(scope="module")
def model_id(plain_cluster: Cluster) -> Iterator[str]:
    """One model for all runs: registering it ninety times would prove nothing about feeds."""
    group = group_name("feeds", new_build_id(datetime.now(UTC), uuid4().hex))
    encoder = real_config("feeds", Path()).encoder
    yield deployed(plain_cluster, registered(plain_cluster, encoder, group))
    commons.remove_build_models(plain_cluster, group)


@dataclass
class Feed:
    """A feed with a store of its own; `last` is the plan that went live last."""

    cluster: Cluster
    config: CorpusConfig
    turn: Lock = field(default_factory=Lock)
    last: Plan | None = None

    @property
    def store(self) -> Store:
        return Store(self.config.store)

    def read(self, day: date, **request: Any) -> Run:
        """One partition, as the DAG takes it: looked at beside others, then from the plan to the alias one at a time."""
        for shard in plan_shards(self.config, day):
            scan_shard(self.config, self.store, shard)
        with self.turn:
            ended = run(self.cluster, self.config, self.store, RunRequest(run_id=str(day), data_date=day, **request))
            self.last = ended.plan if ended.receipt["outcome"] == "promoted" else self.last
            return ended

    def read_all(self, days: Sequence[date], at_once: int = 1) -> None:
        with ThreadPoolExecutor(at_once) as pool:
            outcomes = {ended.receipt["outcome"] for ended in pool.map(self.read, days)}
        assert outcomes <= GREEN

    def documents(self) -> dict[str, Any]:
        return documents(self.cluster, self.config.alias)

    def newest_day(self) -> date:
        live = observe_alias(self.cluster, self.config.alias).index
        meta = read_meta(self.cluster, str(live))
        assert meta is not None
        return meta.data_date


@pytest.fixture(scope="module")
def make_feed(
    plain_cluster: Cluster, partitions: Path, model_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    made: list[str] = []

    def make(folder: Path = partitions, **source: Any) -> Feed:
        alias = f"feed-{uuid4().hex[:6]}"
        made.append(alias)
        source = {
            "uri": f"{folder}/day={{data_date}}",
            "columns": COLUMNS,
            "deleted_column": TOMBSTONE,
            "backfill_horizon_days": FEED.days,
        } | source
        encoder = {"model": {"source": "model_id", "model_id": model_id}}
        config = real_config(alias, tmp_path_factory.mktemp("feed"), kind="feed", source=source, encoder=encoder)
        return Feed(plain_cluster, config)

    yield make
    for alias in made:
        remove_indices(plain_cluster, alias)


@pytest.fixture(scope="module")
def oldest_first(make_feed: Any) -> Feed:
    feed: Feed = make_feed()
    feed.read_all(DAYS)
    return feed


def rows_of(folder: Path, day: date) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"day={day}", partitioning=None).to_pylist()


def expected_fields(folder: Path) -> dict[str, dict[str, Any]]:
    """The newest row of each document that it does not delete, by a few lines of Python."""
    newest = {row["id"]: row for day in DAYS for row in rows_of(folder, day)}
    return {name: {key: row[key] for key in COLUMNS} for name, row in newest.items() if not row[TOMBSTONE]}


def test_thirty_days_oldest_first(plain_cluster: Cluster, oldest_first: Feed, partitions: Path) -> None:
    assert oldest_first.last is not None
    check_promises(plain_cluster, oldest_first.store, oldest_first.last)
    found = oldest_first.documents()
    assert {name: {key: source[key] for key in COLUMNS} for name, source in found.items()} == expected_fields(partitions)
    assert oldest_first.newest_day() == DAYS[-1]


NEWEST_FIRST = list(reversed(DAYS))
SHUFFLED = random.Random(5).sample(DAYS, len(DAYS))


@pytest.mark.parametrize(
    ("order", "at_once"), [(NEWEST_FIRST, 1), (SHUFFLED, 3)], ids=["newest first", "shuffled, three at a time"]
)
def test_thirty_days_in_another_order(
    plain_cluster: Cluster, make_feed: Any, oldest_first: Feed, order: list[date], at_once: int
) -> None:
    feed: Feed = make_feed()
    feed.read_all(order, at_once)
    assert feed.last is not None
    check_promises(plain_cluster, feed.store, feed.last, expected=oldest_first.documents())
    assert feed.newest_day() == DAYS[-1]
