"""One type for each column: what goes together, what is widened and said, what stops a plan, over files and over days."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plan_help import (
    FakeCluster,
    add_vectors,
    config_at,
    live_cluster,
    part_rows,
    plan_shards,
    planned,
    schema_of,
    writes,
)
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.logical import common_type, logical_type
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import documents_at
from sparse_index.corpus.schema import load_schema
from sparse_index.errors import BuildError, ConfigError, CorpusError
from sparse_index.plan.in_words import plan_in_words
from sparse_index.store.files import Store

FIRST = date(2026, 1, 1)
GENEROUS = {"max_changed_share": 1.0, "max_deleted_share": 1.0, "min_documents": 0}
TOKENS = (f"{number:03d}" for number in itertools.count())
OBJECT = pa.struct([("x", pa.int64())])
S, NS, US = (pa.timestamp(unit) for unit in ("s", "ns", "us"))
WIDENED = [
    (pa.int8(), pa.int64(), pa.int64()),
    (pa.uint32(), pa.int16(), pa.int64()),
    (pa.int64(), pa.float64(), pa.float64()),
    (pa.uint64(), pa.float32(), pa.float64()),
    (pa.null(), pa.uint64(), pa.uint64()),
    (pa.float16(), pa.float64(), pa.float64()),
    (pa.date32(), US, pa.timestamp("us", tz="UTC")),
    (pa.date64(), pa.date32(), pa.date32()),
    (US, NS, pa.timestamp("us", tz="UTC")),
    (S, pa.timestamp("ms", tz="Europe/Berlin"), pa.timestamp("us", tz="UTC")),
    (pa.decimal128(9, 2), pa.decimal128(20, 4), pa.decimal128(20, 4)),
    (pa.decimal128(38, 0), pa.decimal128(10, 6), pa.decimal256(44, 6)),
    (pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.string()),
    (pa.string_view(), pa.string(), pa.string()),
    (pa.string(), pa.large_binary(), pa.binary()),
    (pa.list_(pa.int32()), pa.large_list(pa.float32()), pa.list_(pa.float64())),
    (pa.list_(pa.null()), pa.list_(pa.string()), pa.list_(pa.string())),
    (
        pa.struct([("a", pa.int32())]),
        pa.struct([("b", pa.string()), ("a", pa.float64())]),
        pa.struct([("a", pa.float64()), ("b", pa.string())]),
    ),
]
OPPOSED = [
    (pa.string(), pa.int64()),
    (pa.bool_(), pa.int8()),
    (pa.bool_(), pa.string()),
    (pa.uint64(), pa.int64()),
    (pa.date32(), pa.int64()),
    (US, pa.string()),
    (pa.decimal128(9, 2), pa.float64()),
    (pa.decimal128(9, 2), pa.int64()),
    (pa.decimal256(76, 0), pa.decimal128(10, 5)),
    (pa.list_(pa.string()), pa.string()),
    (pa.list_(pa.int64()), pa.list_(pa.bool_())),
    (pa.struct([("a", pa.int32())]), pa.struct([("a", pa.string())])),
]


@pytest.mark.parametrize(("one", "other", "common"), WIDENED, ids=str)
def test_a_common_type_holds_both(one: pa.DataType, other: pa.DataType, common: pa.DataType) -> None:
    assert common_type(logical_type(one), logical_type(other)) == common
    backwards = common_type(logical_type(other), logical_type(one))
    assert backwards == common or pa.types.is_struct(common)


@pytest.mark.parametrize(("one", "other"), OPPOSED, ids=str)
def test_what_no_type_holds_is_never_converted(one: pa.DataType, other: pa.DataType) -> None:
    assert common_type(logical_type(one), logical_type(other)) is None
    assert common_type(logical_type(other), logical_type(one)) is None


def file(folder: Path, name: str, **columns: Any) -> None:
    """Rows with an id after the file's name; title and body are filled in unless they are given as None."""
    count = next(len(values) for values in columns.values() if values is not None)
    ids = [f"{Path(name).name}{number}" for number in range(count)]
    filled = {"id": ids, "title": ["t"] * count, "body": ["b"] * count} | columns
    path = folder / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: values for name, values in filled.items() if values is not None}), path)


def read(config: CorpusConfig, plan: Plan) -> dict[str, dict[str, Any]]:
    """What the index parts of a plan write: id -> fields that are not null."""
    items = [item for item in part_rows(config, plan) if item["op"] == "index"]
    schema = load_schema(Store(config.store), plan.schema_path).schema
    found = documents_at(config, schema, map(Place.of, items))
    return {str(each.id): {name: value for name, value in each.fields.items() if value is not None} for each in found}


# --- the files of a snapshot ---------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    return config_at(tmp_path, limits=GENEROUS)


@pytest.fixture
def corpus(config: CorpusConfig) -> Path:
    return Path(config.source.uri)


def test_files_may_write_what_means_the_same_in_other_ways(config: CorpusConfig, corpus: Path) -> None:
    noon = datetime(2026, 1, 1, 12)
    file(
        corpus,
        "a",
        number=pa.array([1], pa.int32()),
        at=pa.array([noon], US),
        word=pa.array(["x"]).dictionary_encode(),
        price=pa.array([Decimal("1.5")], pa.decimal128(5, 1)),
        many=pa.array([[1]], pa.list_(pa.int8())),
        note=pa.nulls(1),
        day=[date(9999, 12, 31)],
    )
    file(
        corpus,
        "b",
        number=[2**53 + 1],
        at=pa.array([noon], NS),
        word=pa.array(["y"], pa.large_string()),
        price=pa.array([Decimal("12.345")], pa.decimal128(12, 3)),
        many=[[2.5]],
        note=["n"],
        day=pa.array([noon], NS),
    )
    plan = planned(config)
    assert read(config, plan) == {
        "a0": {"id": "a0", "title": "t", "body": "b", "number": 1, "at": "2026-01-01T12:00:00Z", "word": "x", "price": "1.500",
               "many": [1.0], "day": "9999-12-31T00:00:00Z"},
        "b0": {"id": "b0", "title": "t", "body": "b", "number": 2**53 + 1, "at": "2026-01-01T12:00:00Z", "word": "y",
               "price": "12.345", "many": [2.5], "note": "n", "day": "2026-01-01T12:00:00Z"},
    }  # fmt: skip
    fields = plan.mapping["properties"] if plan.mapping else {}
    assert {name: fields[name]["type"] for name in ("number", "at", "word", "price", "many", "note", "day")} == {
        "number": "long", "at": "date", "word": "text", "price": "scaled_float", "many": "double", "note": "text", "day": "date",
    }  # fmt: skip
    assert [note.replace(str(corpus), "") for note in plan.notes] == [
        "column 'price' is decimal128(5, 1) in /a.parquet and read as decimal128(12, 3)",
        "column 'many' is list<item: int8> in /a.parquet and read as list<item: double>",
        "column 'day' is date32[day] in /a.parquet and read as timestamp[us, tz=UTC]",
    ]
    assert plan.notes[0] in plan_in_words(plan)


def test_whole_numbers_beyond_a_double_are_not_rounded(config: CorpusConfig, corpus: Path) -> None:
    file(corpus, "a", number=[2**53 + 1])
    file(corpus, "b", number=[0.5])
    with pytest.raises(
        CorpusError, match=r"a\.parquet, row group 0: column 'number' is int64 here and double in the corpus.*900"
    ):
        planned(config)


def test_a_column_that_some_files_have_is_null_in_the_others(config: CorpusConfig, corpus: Path) -> None:
    file(corpus, "a", title=None, colour=["red"])
    file(corpus, "b", title=["words"], size=[3])
    plan = planned(config)
    assert read(config, plan) == {
        "a0": {"id": "a0", "body": "b", "colour": "red"},
        "b0": {"id": "b0", "title": "words", "body": "b", "size": 3},
    }
    assert plan.notes == [
        f"column '{name}' is missing in 1 of 2 files: null there" for name in ("title", "colour", "size")
    ]


def test_columns_that_nothing_needs_may_be_as_they_like(tmp_path: Path) -> None:
    config = config_at(tmp_path, limits=GENEROUS, source={"columns": ["title"]})
    file(tmp_path / "corpus", "a", extra=[1], same=[{"any": "thing"}])
    file(tmp_path / "corpus", "b", extra=["one"], same=[{"any": "thing"}], more=[b"\xff"])
    plan = planned(config)
    assert set(read(config, plan)) == {"a0", "b0"}
    words = "is not the same in all files; nothing needs it, so it is passed over"
    assert plan.notes == [f"column 'extra' {words}", f"column 'more' {words}"]


def test_the_notes_are_bounded(config: CorpusConfig, corpus: Path) -> None:
    file(corpus, "a", **{f"c{number:02d}": [1] for number in range(30)})
    file(corpus, "b", price=[1])
    assert [len(planned(config).notes), planned(config).notes[-1]] == [11, "21 more columns differ likewise"]


def test_a_column_without_any_value_is_left_out_and_said(config: CorpusConfig, corpus: Path) -> None:
    file(corpus, "a", nothing=pa.nulls(2), nested=pa.array([[], [None]], pa.list_(pa.null())))
    plan = planned(config)
    assert set(schema_of(config).names) == {"id", "title", "body"}
    assert plan.notes[0] == "column 'nested' has no value in any file and is left out until it has one"
    add_vectors(config, plan)
    file(corpus, "a", nothing=[1, None], nested=[["x"], None])
    again = planned(config, live=plan)
    assert again.reasons == ["the live index has no such field: nested, nothing"]
    assert (again.counts.texts_to_encode, read(config, again)["a0"]["nothing"]) == (0, 1)


def test_a_column_that_the_owner_lists_needs_a_type(tmp_path: Path) -> None:
    config = config_at(tmp_path, source={"columns": ["title", "nothing"]})
    file(tmp_path / "corpus", "a", nothing=pa.nulls(1))
    with pytest.raises(ConfigError, match="column 'nothing': it has no value in any file"):
        plan_shards(config)


def test_an_id_is_needed_in_every_file(config: CorpusConfig, corpus: Path) -> None:
    file(corpus, "a", title=["t"])
    file(corpus, "b", id=None, title=["t"])
    with pytest.raises(ConfigError, match=r"id column 'id' is missing in .*b\.parquet"):
        plan_shards(config)


@pytest.mark.parametrize(("one", "other"), [([1], ["x"]), ([True], [1]), ([date(2026, 1, 1)], ["2026-01-01"])])
def test_types_that_do_not_go_together_name_both_files(
    config: CorpusConfig, corpus: Path, one: list[Any], other: list[Any]
) -> None:
    file(corpus, "a", score=one)
    file(corpus, "b", score=other)
    with pytest.raises(CorpusError, match=r"column 'score' is \S+ in .*a\.parquet and \S+ in .*b\.parquet"):
        plan_shards(config)


def test_a_snapshot_keeps_the_type_of_its_index(config: CorpusConfig, corpus: Path) -> None:
    """pandas writes floats when a whole column has one gap: the index stays double on the days without, and no row changes."""
    file(corpus, "a", score=[1.0, None, 3.0])
    first = planned(config)
    add_vectors(config, first)
    file(corpus, "a", score=[1, 2, 3])
    second = planned(config, live=first)
    assert (second.kind, writes(config, second)) == (BuildKind.DELTA, [("index", "a1")])
    assert second.notes == [f"column 'score' is int64 in {corpus}/a.parquet and read as double"]


def test_a_snapshot_s_whole_numbers_become_a_double_field(config: CorpusConfig, corpus: Path) -> None:
    file(corpus, "a", score=[1, 2])
    first = planned(config)
    add_vectors(config, first)
    file(corpus, "a", score=[1.5, 2.0])
    second = planned(config, live=first)
    assert (second.kind, second.counts.texts_to_encode) == (BuildKind.FULL, 0)
    assert second.reasons == ["the live index has a field otherwise: 'score' (type long, now double)"]
    assert (
        f"column 'score' is int64 in the live index {first.candidate} (data of 2026-01-02) and becomes double"
        in second.notes
    )


def test_a_snapshot_takes_another_type_when_full_mode_is_asked_for(config: CorpusConfig, corpus: Path) -> None:
    file(corpus, "a", score=[1.5])
    first = planned(config)
    add_vectors(config, first)
    file(corpus, "a", score=["high"])
    with pytest.raises(
        CorpusError, match=r"(?s)double in the live index .*and string in .*Where the new type .*mode full"
    ):
        planned(config, live=first)
    second = planned(config, live=first, mode="full")
    assert read(config, second)["a0"]["score"] == "high"


def test_a_scaling_factor_is_part_of_a_field(config: CorpusConfig, corpus: Path) -> None:
    file(corpus, "a", price=pa.array([Decimal("1.5")], pa.decimal128(5, 1)))
    first = planned(config)
    file(corpus, "a", price=pa.array([Decimal("1.55")], pa.decimal128(5, 2)))
    assert planned(config, live=first).reasons == [
        "the live index has a field otherwise: 'price' (scaling_factor 10, now 100)"
    ]


def test_fields_of_a_struct_may_come_in_any_order_be_missing_or_wider(tmp_path: Path) -> None:
    config = config_at(
        tmp_path,
        limits=GENEROUS,
        index={"fields": {"o": {"type": "object"}, "n": {"type": "nested"}, "m": {"type": "object"}}},
    )
    corpus, text, whole, real = tmp_path / "corpus", pa.string(), pa.int64(), pa.float64()

    def day(o: list[tuple[str, pa.DataType]], n: list[tuple[str, pa.DataType]], item: pa.DataType) -> Plan:
        values = {text: "x", whole: 1, real: 2.5}
        one, many = ({name: values[kind] for name, kind in struct} for struct in (o, n))
        nested = pa.array([[many, None]], pa.list_(pa.struct(n)))
        file(
            corpus,
            "a",
            o=pa.array([one], pa.struct(o)),
            n=nested,
            m=pa.array([[("k", values[item])]], pa.map_(text, item)),
        )
        return planned(config, live=live, token=next(TOKENS))

    live = None
    live = day([("a", text), ("b", whole)], [("c", whole)], whole)
    reordered = day([("b", whole), ("a", text)], [("d", text), ("c", whole)], whole)
    assert reordered.reasons == ["the live index has no such field: n.d"]
    assert read(config, reordered)["a0"] == {
        "id": "a0", "title": "t", "body": "b", "o": {"a": "x", "b": 1}, "n": [{"c": 1, "d": "x"}, None], "m": {"k": 1}
    }  # fmt: skip
    wider = day([("b", real)], [("c", whole)], real)
    assert {name: read(config, wider)["a0"][name] for name in "onm"} == {
        "o": {"a": None, "b": 2.5}, "n": [{"c": 1}, None], "m": {"k": 2.5}
    }  # fmt: skip


def test_objects_without_any_value_take_the_types_that_come_later(tmp_path: Path) -> None:
    """Nobody would be bound by these types, yet the mapping knows them."""
    fields = {"o": {"type": "object"}, "m": {"type": "object"}, "n": {"type": "nested"}}
    source = {"columns": ["id", "o", "m", "n"]}
    config = config_at(tmp_path, limits=GENEROUS, index={"fields": fields}, source=source)

    def day(live: Plan | None, **columns: pa.Array) -> Plan:
        file(tmp_path / "corpus", "a", **columns)
        return planned(config, live=live, token=next(TOKENS))

    empty = pa.map_(pa.string(), pa.int64())
    first = day(None, o=pa.array([None], pa.struct([("a", pa.string())])), m=pa.array([None], empty), n=pa.nulls(1))
    add_vectors(config, first)
    kinds = {"o": pa.struct([("b", pa.int64())]), "m": pa.map_(pa.string(), pa.float64()), "n": pa.list_(OBJECT)}
    values = {"o": [{"b": 1}], "m": [[("k", 1.5)]], "n": [[{"x": 1}]]}
    second = day(first, **{name: pa.array(values[name], kind) for name, kind in kinds.items()})
    assert second.reasons == [
        "the live index has no such field: n.x, o.b",
        "the live index has a field otherwise: the keys of 'm'",
    ]


# --- the days of a feed --------------------------------------------------------------------------------------------


class Feed:
    """A feed of days whose columns change their type; `live` is the plan that was promoted last."""

    def __init__(self, folder: Path, **source: Any) -> None:
        self.folder = folder
        columns = {"uri": f"{folder}/day={{data_date}}", "columns": ["id", "title", "body", "score", "note"]}
        self.config = config_at(folder, kind="feed", limits=GENEROUS, source=columns | source)
        self.live: Plan | None = None
        self.day = FIRST

    def plan(self, name: str, *, cluster: FakeCluster | None = None, **columns: Any) -> Plan:
        """The next day with these columns."""
        count = len(next(iter(columns.values())))
        rest = {"score": pa.array([1.5] * count), "note": ["n"] * count}
        file(self.folder / f"day={self.day}", name, **rest | columns)
        cluster = cluster or live_cluster(self.config, self.live)
        return planned(self.config, cluster=cluster, token=next(TOKENS), data_date=self.day)

    def run(self, name: str, **columns: Any) -> Plan:
        """The same, promoted."""
        self.live = self.plan(name, **columns)
        add_vectors(self.config, self.live)
        self.day += timedelta(days=1)
        return self.live


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def test_a_day_of_whole_numbers_neither_narrows_nor_rebuilds_the_index(feed: Feed) -> None:
    feed.run("a", score=[1.75, None])
    plan = feed.run("b", score=[2, 3])
    assert (plan.kind, read(feed.config, plan)["b0"]["score"]) == (BuildKind.DELTA, 2.0)
    assert feed.run("c", score=[4, 5], note=pa.nulls(2)).kind is BuildKind.DELTA


@pytest.mark.parametrize(
    "note", [pa.nulls(2), pa.array([None, None], pa.float64()), pa.array([None, None], pa.bool_()), None]
)
def test_a_day_without_values_has_the_type_that_the_index_knows(feed: Feed, note: pa.Array | None) -> None:
    """A pandas column of texts that are all missing is written as doubles."""
    feed.run("a", note=["x"])
    plan = feed.run("b", score=[1.0, 2.0], note=note)
    assert (plan.kind, sorted(read(feed.config, plan))) == (BuildKind.DELTA, ["b0", "b1"])
    assert feed.run("c", note=["y"]).kind is BuildKind.DELTA


def test_a_type_without_any_value_binds_nobody(feed: Feed) -> None:
    feed.run("a", note=pa.array([None], pa.float64()))
    plan = feed.run("b", note=["words"])
    assert plan.reasons == ["the live index has a field otherwise: 'note' (type double, now text)"]
    assert {name: fields.get("note") for name, fields in read(feed.config, plan).items()} == {"a0": None, "b0": "words"}
    with pytest.raises(CorpusError, match="column 'note' is string in the live index"):
        feed.plan("c", note=[1.5])


def test_an_empty_day_of_any_types_is_a_day_on_which_nothing_happened(feed: Feed) -> None:
    feed.run("a", score=[1.5])
    none = pa.array([], pa.float64())
    plan = feed.plan("b", id=none, title=none, body=none, score=pa.array([], pa.string()), note=none)
    assert (plan.kind, plan.counts.documents) == (BuildKind.NOTHING, 1)


def test_a_day_of_another_type_stops_and_names_column_types_and_day(feed: Feed) -> None:
    feed.run("a", score=[1.75])
    with pytest.raises(CorpusError) as caught:
        feed.plan("b", score=["high"], note=[7])
    live = live_cluster(feed.config, feed.live).live
    for words in (
        f"column 'score' is double in the live index {live} (data of 2026-01-01) and string in",
        "column 'note' is string in the live index",
        "day=2026-01-02/b.parquet",
        "Nothing was changed.",
    ):
        assert words in caught.value.message
    assert "mode full" not in caught.value.message
    with pytest.raises(CorpusError, match="'score' is double in the live index"):
        planned(feed.config, feed.live, data_date=feed.day, mode="full")


def test_an_index_is_widened_and_earlier_days_are_read_again(feed: Feed) -> None:
    feed.run("a", score=[1, 2])
    plan = feed.run("b", score=[2.5])
    assert (plan.kind, plan.counts.texts_to_encode) == (BuildKind.FULL, 0)
    assert {name: fields["score"] for name, fields in read(feed.config, plan).items()} == {
        "a0": 1.0,
        "a1": 2.0,
        "b0": 2.5,
    }
    assert {item["id"]: item["row_hash"] is None for item in part_rows(feed.config, plan)} == {
        "a0": True,
        "a1": True,
        "b0": False,
    }
    assert feed.run("c", score=[7]).kind is BuildKind.DELTA


def test_days_become_instants_in_every_document(feed: Feed) -> None:
    """The field is the same; the documents of earlier days would keep their other form."""
    feed.run("a", score=[date(2026, 1, 1)])
    plan = feed.run("b", score=[datetime(2026, 1, 2, 12)])
    assert plan.reasons == ["'score' is date32[day] in the live index and becomes timestamp[us, tz=UTC]"]
    assert [read(feed.config, plan)[name]["score"] for name in ("a0", "b0")] == [
        "2026-01-01T00:00:00Z",
        "2026-01-02T12:00:00Z",
    ]


def test_numbers_that_a_double_cannot_hold_keep_the_index_as_it_is(feed: Feed) -> None:
    feed.run("a", score=[2**60])
    with pytest.raises(
        BuildError, match=r"'score' is int64 in .* and would become double, but numbers beyond 2\^53 are there"
    ):
        feed.plan("b", score=[0.5], cluster=live_cluster(feed.config, feed.live, largest=2.0**60))


def test_texts_of_earlier_days_do_not_change_under_a_feed(tmp_path: Path) -> None:
    feed = Feed(tmp_path, text_template="{title} {score}")
    feed.run("a", score=[1])
    with pytest.raises(BuildError, match=r"'score' is int64 .* it stands in the text template"):
        feed.plan("b", score=[0.5])


def test_fields_of_a_feed_may_be_declared_where_its_texts_stay(tmp_path: Path) -> None:
    feed = Feed(tmp_path, text_template="{title} {score}")
    feed.run("a", score=[1.0])
    file(feed.folder / f"day={feed.day}", "b", score=[2.0], note=["n"])
    for fields, words in (
        ({"title": {"type": "text", "analyzer": "english"}, "note": {"type": "keyword"}}, None),
        ({"score": {"type": "double", "index": False}}, None),
        ({"score": {"type": "long"}}, "makes documents in another way .* the type of id or text in index.fields"),
    ):
        index = feed.config.index.model_copy(update={"fields": fields})
        feed.config, before = feed.config.model_copy(update={"index": index}), feed.config
        with pytest.raises(BuildError, match=words) if words else nullcontext():
            plan = planned(feed.config, cluster=live_cluster(before, feed.live), data_date=feed.day)
            assert (plan.kind, plan.counts.texts_to_encode) == (BuildKind.FULL, 1)
        feed.config = before


def test_the_next_day_of_a_feed_with_a_number_in_its_text_goes_on(tmp_path: Path) -> None:
    feed, price = Feed(tmp_path, text_template="{title} {score}"), pa.decimal128(18, 2)
    feed.run("a", score=pa.array([Decimal("1.50")], price))
    assert feed.plan("b", score=pa.array([Decimal("2.25")], price)).kind is BuildKind.DELTA


def test_an_index_of_a_former_version_tells_its_types_by_its_mapping(feed: Feed) -> None:
    """Its plan names none, and its rows were hashed as they are now."""
    store = Store(feed.config.store)
    live = feed.run("a", score=[1.75])
    path = f"{live.folder}/plan.json"
    content = store.read_json(path)
    store.write_json(path, {name: value for name, value in content.items() if name not in ("schema_path", "mapping")})
    assert feed.plan("b", score=[2]).kind is BuildKind.DELTA
    with pytest.raises(CorpusError, match="'score' is double in the live index"):
        feed.plan("c", score=["high"])
