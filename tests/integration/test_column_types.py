"""P10 on the real server: days and files whose columns change their type leave every value as it was, or stop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from build_plans import remove_indices
from real_builds import built, documents, planned, real_config
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, CorpusError
from sparse_index.index.candidate import prepare_candidate
from sparse_index.live.alias import observe_alias
from sparse_index.pipeline import make_plan
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path

pytestmark = pytest.mark.integration


@pytest.fixture
def alias(plain_cluster: Cluster) -> Iterator[str]:
    alias = f"types-{uuid4().hex[:8]}"
    yield alias
    remove_indices(plain_cluster, alias)


def write(path: Path, **columns: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


class Feed:
    """A feed with the columns id, body, score and note; one file a day."""

    def __init__(self, cluster: Cluster, alias: str, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        source = {
            "uri": f"{folder}/day={{data_date}}",
            "text_template": "{body}",
            "columns": ["id", "body", "score", "note"],
        }
        self.config = real_config(alias, folder, kind="feed", source=source)

    def run(self, day: int, score: Any, note: Any = None) -> Plan:
        """One day of January, up to the switch."""
        when, count = date(2026, 1, day), len(score)
        ids = [f"{'abcdefg'[day - 1]}{number}" for number in range(count)]
        bodies = [f"words of {name}" for name in ids]
        notes = ["n"] * count if note is None else note
        write(self.folder / f"day={when}" / "f.parquet", id=ids, body=bodies, score=score, note=notes)
        request = RunRequest(run_id=f"day {day}", data_date=when)
        plan = make_plan(self.cluster, self.config, Store(self.config.store), request)
        built(self.cluster, self.config, plan)
        return plan

    @property
    def scores(self) -> Json:
        return {name: source.get("score") for name, source in documents(self.cluster, self.config.alias).items()}

    def above(self, score: float) -> list[str]:
        return found(self.cluster, self.config, {"range": {"score": {"gt": score}}})

    @property
    def field(self) -> str:
        return str(fields(self.cluster, self.config)["score"]["type"])


def found(cluster: Cluster, config: CorpusConfig, query: Json) -> list[str]:
    hits = cluster.post(f"/{config.alias}/_search", {"size": 1_000, "query": query})["hits"]["hits"]
    return sorted(hit["_id"] for hit in hits)


def fields(cluster: Cluster, config: CorpusConfig) -> Json:
    (index,) = cluster.get(f"/{config.alias}/_mapping").values()
    properties: Json = index["mappings"]["properties"]
    return properties


@pytest.fixture
def feed(plain_cluster: Cluster, alias: str, tmp_path: Path) -> Feed:
    return Feed(plain_cluster, alias, tmp_path)


def test_a_feed_whose_column_flips_between_int_and_float_keeps_every_value(feed: Feed) -> None:
    """What pandas writes: doubles on days with a gap, whole numbers on days without, doubles again when all is missing."""
    feed.run(1, pa.array([1.75, None]), note=["x", "y"])
    kinds = [feed.run(2, [2, 3]).kind, feed.run(3, [4, 5], note=pa.nulls(2)).kind]
    kinds.append(feed.run(4, [6, 7], note=pa.array([None, None], pa.float64())).kind)
    with pytest.raises(
        CorpusError, match=r"'score' is double in the live index .*2026-01-04.* and string in .*day=2026-01-05"
    ):
        feed.run(5, ["high", "low"])
    kinds.append(feed.run(6, [8, 9]).kind)
    assert kinds == [BuildKind.DELTA] * 4
    expected = {"a0": 1.75, "a1": None, "b0": 2, "b1": 3, "c0": 4, "c1": 5, "d0": 6, "d1": 7, "f0": 8, "f1": 9}
    assert (feed.scores, feed.field) == (expected, "double")
    assert feed.above(1.5) == sorted(expected.keys() - {"a1"})
    assert feed.above(3.5) == ["c0", "c1", "d0", "d1", "f0", "f1"]


def test_a_code_that_is_a_number_on_one_day_costs_no_document(feed: Feed) -> None:
    codes = [*map(str, range(40)), "A12", "n/a"]
    feed.run(1, codes)
    live = observe_alias(feed.cluster, feed.config.alias).index
    with pytest.raises(
        CorpusError, match=r"'score' is string in the live index .*2026-01-01.* and int64 in .*day=2026-01-02"
    ):
        feed.run(2, list(range(20)))
    assert observe_alias(feed.cluster, feed.config.alias).index == live
    assert list(feed.scores.values()) == codes


def test_whole_numbers_become_doubles_from_the_stored_vectors_unless_they_are_too_large(feed: Feed) -> None:
    feed.run(1, [1, 2**53 - 1])
    plan = feed.run(2, [2.5])
    assert (plan.kind, plan.counts.texts_to_encode, feed.field) == (BuildKind.FULL, 1, "double")
    assert feed.scores == {"a0": 1, "a1": 2**53 - 1, "b0": 2.5}
    assert feed.above(2.2) == ["a1", "b0"]


def test_numbers_beyond_a_double_are_kept_as_they_are(feed: Feed) -> None:
    feed.run(1, [1, 2**53 + 1])
    with pytest.raises(BuildError, match=r"'score' is int64 in .*, but numbers beyond 2\^53 are there"):
        feed.run(2, [2.5])
    assert (feed.scores, feed.field) == ({"a0": 1, "a1": 2**53 + 1}, "long")


NOON = datetime(2026, 1, 1, 12)
US, NS = pa.timestamp("us"), pa.timestamp("ns")
# Each column as one file and as the other writes it, and the value of the second one by which it is found.
SIBLINGS: dict[str, tuple[pa.Array, pa.Array, Any]] = {
    "width": (pa.array([1], pa.int32()), pa.array([2**40], pa.int64()), 2**40),
    "sign": (pa.array([1], pa.uint32()), pa.array([-1], pa.int64()), -1),
    "number": (pa.array([2], pa.int64()), pa.array([2.5]), 2.5),
    "precision": (pa.array([0.5], pa.float32()), pa.array([0.1]), 0.1),
    "instant": (pa.array([datetime(9999, 12, 31)], US), pa.array([NOON], NS), "2026-01-01T12:00:00Z"),
    "zone": (
        pa.array([datetime(2020, 1, 1, 12)], US),
        pa.array([NOON], pa.timestamp("ms", tz="Asia/Tokyo")),
        "2026-01-01T12:00:00Z",
    ),
    "day": (pa.array([date(1816, 3, 1)]), pa.array([NOON], NS), "2026-01-01T12:00:00Z"),
    "coded": (pa.array(["a b"]).dictionary_encode(), pa.array(["c d"]), "c d"),
    "wide": (pa.array(["a b"]), pa.array(["c d"], pa.large_string()), "c d"),
    "digits": (
        pa.array([Decimal("1.5")], pa.decimal128(5, 1)),
        pa.array([Decimal("12.345")], pa.decimal128(12, 3)),
        12.345,
    ),
    "empty": (pa.array([None], pa.float64()), pa.array(["c d"]), "c d"),
    "untyped": (pa.nulls(1), pa.array([7]), 7),
    "numbers": (pa.array([[1, 2]]), pa.array([[2.5]], pa.large_list(pa.float32())), 2.5),
    "days": (pa.array([[date(2026, 1, 1)]]), pa.array([[NOON]], pa.list_(NS)), "2026-01-01T12:00:00Z"),
    "words": (pa.array([["a b"]]), pa.array([["c d"]], pa.list_(pa.large_string())), "c d"),
    "amounts": (
        pa.array([[Decimal("1.5")]], pa.list_(pa.decimal128(5, 1))),
        pa.array([[Decimal("2.25")]], pa.list_(pa.decimal128(9, 2))),
        2.25,
    ),
    "nothing": (pa.array([[]], pa.list_(pa.null())), pa.array([["c d"]]), "c d"),
}


def test_files_that_write_a_column_in_two_ways_make_one_field(
    plain_cluster: Cluster, alias: str, tmp_path: Path
) -> None:
    config = real_config(alias, tmp_path, source={"uri": str(tmp_path / "corpus"), "text_template": "{body}"})
    for at, name in enumerate("ab"):
        columns = {column: pair[at] for column, pair in SIBLINGS.items()}
        write(
            tmp_path / "corpus" / f"{name}.parquet",
            id=[name],
            body=[f"text {name}"],
            **columns,
            **{f"only_{name}": [1]},
        )
    plan = planned(plain_cluster, config)
    built(plain_cluster, config, plan)
    assert documents(plain_cluster, alias)["a"] | {"text_sparse": 0} == FIRST
    types = fields(plain_cluster, config)
    for column, (_, _, value) in SIBLINGS.items():
        field = f"{column}.keyword" if types[column]["type"] == "text" else column
        assert found(plain_cluster, config, {"term": {field: value}}) == ["b"], column
    assert found(plain_cluster, config, {"term": {"only_a": 1}}) == ["a"]
    assert planned(plain_cluster, config).kind is BuildKind.NOTHING
    forget_types(config, plan)
    assert planned(plain_cluster, config).kind is BuildKind.NOTHING


def test_the_candidate_is_made_from_the_plan_alone(plain_cluster: Cluster, alias: str, tmp_path: Path) -> None:
    """The corpus may have other columns by now, or be gone."""
    config = real_config(alias, tmp_path, source={"uri": str(tmp_path / "corpus"), "text_template": "{body}"})
    file = tmp_path / "corpus" / "a.parquet"
    write(file, id=["a"], body=["text"], score=[1])
    plan = planned(plain_cluster, config)
    file.unlink()
    former = plan.model_copy(update={"mapping": None})
    with pytest.raises(BuildError, match=r"was planned by a former version of the package\. Trigger a new run"):
        prepare_candidate(plain_cluster, Store(config.store), former)
    prepare_candidate(plain_cluster, Store(config.store), plan)
    mappings = plain_cluster.get(f"/{plan.candidate}/_mapping")[plan.candidate]["mappings"]
    assert plan.mapping is not None
    assert {name: mappings[name] for name in plan.mapping} == plan.mapping


FIRST = {
    "id": "a",
    "body": "text a",
    "text_sparse": 0,
    "width": 1,
    "sign": 1,
    "number": 2,
    "precision": 0.5,
    "instant": "9999-12-31T00:00:00Z",
    "zone": "2020-01-01T12:00:00Z",
    "day": "1816-03-01T00:00:00Z",
    "coded": "a b",
    "wide": "a b",
    "digits": "1.500",
    "numbers": [1, 2],
    "days": ["2026-01-01T00:00:00Z"],
    "words": ["a b"],
    "amounts": ["1.50"],
    "nothing": [],
    "only_a": 1,
}


def forget_types(config: CorpusConfig, plan: Plan) -> None:
    """The plan as a former version wrote it."""
    store, path = Store(config.store), plan_path(config.alias, plan.build_id)
    content = store.read_json(path)
    store.write_json(path, {name: value for name, value in content.items() if name not in ("schema_path", "mapping")})
