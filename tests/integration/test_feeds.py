"""Eight days of a feed on the real server, in any order: one index, every run green, no deletion undone (P4).

The whole form (`make chaos`) takes thirty days."""

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

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from build_plans import remove_indices
from chaos_table import times
from demo.feed import TOMBSTONE, FeedRequest, write_feed
from ml_verbs import deployed, registered
from promises import check_promises
from real_builds import documents, real_config
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.scan import scan_shard
from sparse_index.errors import BuildError, CorpusError
from sparse_index.live.alias import observe_alias
from sparse_index.live.meta import read_meta
from sparse_index.ml import verbs
from sparse_index.names import group_name, new_build_id
from sparse_index.operations.rollback import PREVIOUS, choose_target, roll_back
from sparse_index.pipeline import Run, run
from sparse_index.plan.shards import plan_shards
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path

pytestmark = pytest.mark.integration

FEED = FeedRequest("tickets", first_day=date(2026, 1, 1), days=times(8, 30), rows=12, documents=40)
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
    verbs.remove_group(plain_cluster, group)


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

    def read(self, day: date, **asked: Any) -> Run:
        """One partition, as the DAG takes it: looked at beside others, then from the plan to the alias one at a time."""
        request = RunRequest(run_id=str(day), data_date=day, **asked)
        for shard in plan_shards(self.cluster, self.config, self.store, request):
            scan_shard(self.config, self.store, shard)
        with self.turn:
            ended = run(self.cluster, self.config, self.store, request)
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
    found: list[dict[str, Any]] = pq.read_table(folder / f"day={day}", partitioning=None).to_pylist()
    return found


def expected_fields(folder: Path) -> dict[str, dict[str, Any]]:
    """The newest row of each document that it does not delete, by a few lines of Python."""
    newest = {row["id"]: row for day in DAYS for row in rows_of(folder, day)}
    return {name: {key: row[key] for key in COLUMNS} for name, row in newest.items() if not row[TOMBSTONE]}


def test_every_day_oldest_first(plain_cluster: Cluster, oldest_first: Feed, partitions: Path) -> None:
    assert oldest_first.last is not None
    check_promises(plain_cluster, oldest_first.store, oldest_first.last)
    found = oldest_first.documents()
    assert {name: {key: source[key] for key in COLUMNS} for name, source in found.items()} == expected_fields(
        partitions
    )
    assert oldest_first.newest_day() == DAYS[-1]


NEWEST_FIRST = list(reversed(DAYS))
SHUFFLED = random.Random(5).sample(DAYS, len(DAYS))


@pytest.mark.parametrize(
    ("order", "at_once"), [(NEWEST_FIRST, 1), (SHUFFLED, 3)], ids=["newest first", "shuffled, three at a time"]
)
def test_every_day_in_another_order(
    plain_cluster: Cluster, make_feed: Any, oldest_first: Feed, order: list[date], at_once: int
) -> None:
    feed: Feed = make_feed()
    feed.read_all(order, at_once)
    assert feed.last is not None
    check_promises(plain_cluster, feed.store, feed.last, expected=oldest_first.documents())
    assert feed.newest_day() == DAYS[-1]


SCHEMA = pa.schema([(name, pa.string()) for name in ("id", "title", "body")] + [(TOMBSTONE, pa.bool_())])


@pytest.fixture
def small(make_feed: Any, tmp_path: Path) -> Feed:
    """A feed of three columns whose partitions a test writes itself; deletions are remembered for five days."""
    feed: Feed = make_feed(tmp_path, columns=["id", "title", "body"], backfill_horizon_days=5)
    return feed


def row(name: str, body: str = "the screen is cracked", deleted: bool = False) -> dict[str, Any]:
    return {"id": name, "title": f"ticket {name}", "body": body, TOMBSTONE: deleted}


def arrives(folder: Path, day: date, *rows: dict[str, Any]) -> date:
    path = folder / f"day={day}"
    path.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), path / "part.parquet")
    return day


def promoted(feed: Feed, day: date, **request: Any) -> Run:
    ended = feed.read(day, **request)
    assert ended.receipt["outcome"] == "promoted"
    check_promises(feed.cluster, feed.store, ended.plan)
    return ended


def test_a_deletion_holds_against_older_partitions_and_full_builds(small: Feed, tmp_path: Path) -> None:
    promoted(small, arrives(tmp_path, DAYS[5], row("a"), row("b")))
    promoted(small, arrives(tmp_path, DAYS[7], row("b", deleted=True), row("c")))
    assert set(small.documents()) == {"a", "c"}

    older = promoted(small, arrives(tmp_path, DAYS[3], row("a", "old words"), row("b"), row("d", "old words")))
    found = small.documents()
    assert set(found) == {"a", "c", "d"}
    assert found["a"]["body"] == "the screen is cracked"
    assert older.receipt["books"] is not None
    assert older.plan.counts.superseded == 2
    assert small.newest_day() == DAYS[7]

    again = promoted(small, DAYS[3], mode="full")
    assert (again.plan.kind, again.plan.counts.texts_to_encode) == (BuildKind.FULL, 0)
    assert small.documents() == found

    live = observe_alias(small.cluster, small.config.alias)
    with pytest.raises(BuildError, match=f"The partition {DAYS[0]} .* is older than {DAYS[2]}"):
        small.read(arrives(tmp_path, DAYS[0], row("b"), row("e")))
    assert observe_alias(small.cluster, small.config.alias) == live
    promoted(small, DAYS[0], force_older_date=True)
    assert set(small.documents()) == {"a", "c", "d", "e"}, "the deletion of b is not that old"


def test_a_partition_that_is_missing_empty_repeated_or_corrected(small: Feed, tmp_path: Path) -> None:
    promoted(small, arrives(tmp_path, DAYS[0], row("a"), row("b")))
    with pytest.raises(CorpusError, match=f"No Parquet file at .*day={DAYS[1]}. The partition {DAYS[1]} of the feed"):
        small.read(DAYS[1])
    promoted(small, arrives(tmp_path, DAYS[2], row("b", "refund my order")))
    promoted(small, arrives(tmp_path, DAYS[1], row("a", "login fails"), row("b", "login fails")))
    found = small.documents()
    assert (found["a"]["body"], found["b"]["body"]) == ("login fails", "refund my order")
    assert small.newest_day() == DAYS[2]

    for repeated in (DAYS[0], DAYS[1], DAYS[2], arrives(tmp_path, DAYS[3])):
        assert small.read(repeated).receipt["outcome"] == "nothing_changed"
    assert small.documents() == found

    corrected = promoted(small, arrives(tmp_path, DAYS[2], row("b", "parcel is late"), row("", "no id")))
    assert small.documents()["b"]["body"] == "parcel is late"
    assert (corrected.plan.counts.dead_letters, corrected.plan.counts.rows_read) == (1, 2)


def test_a_rollback_names_the_partitions_to_run_again(small: Feed, tmp_path: Path) -> None:
    promoted(small, arrives(tmp_path, DAYS[0], row("a")))
    promoted(small, arrives(tmp_path, DAYS[1], row("a", deleted=True), row("b")))
    gone_forward = small.documents()
    target = choose_target(small.cluster, small.config, PREVIOUS, now=datetime.now(UTC), run_id="test")
    back = roll_back(small.cluster, small.store, small.config, target, now=datetime.now(UTC))
    assert set(small.documents()) == {"a"}
    assert back.notes == [f"a feed's run reads one partition: run those again that came after it ({DAYS[1]})"]
    again = promoted(small, DAYS[1]).plan
    assert small.documents() == gone_forward

    plan = small.store.read_json(plan_path(small.config.alias, again.build_id))
    small.store.write_json(plan_path(small.config.alias, again.build_id), plan | {"form": 2})
    target = choose_target(small.cluster, small.config, PREVIOUS, now=datetime.now(UTC), run_id="test")
    (note,) = roll_back(small.cluster, small.store, small.config, target, now=datetime.now(UTC)).notes
    assert f"that of build {again.build_id}, whose plan another version wrote" in note
