"""Corpus in, plan out: the change set against a live build, without a cluster."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from plan_help import GIB, add_vectors, config_at, live_cluster, part_rows, plan_shards, planned, row, write, writes
from sparse_index.builds.dead_letters import read_letters
from sparse_index.builds.plan import BuildKind, load_plan
from sparse_index.builds.request import RunRequest
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.scan import scan_shard
from sparse_index.errors import BuildError, ConfigError
from sparse_index.names import build_time
from sparse_index.plan import shards
from sparse_index.plan.changes import plan_changes
from sparse_index.plan.files import write_files
from sparse_index.plan.in_words import plan_in_words
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path

GENEROUS = {"max_dead_letter_share": 1.0, "max_changed_share": 1.0, "max_deleted_share": 1.0}


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    return config_at(tmp_path)


@pytest.fixture
def corpus(config: CorpusConfig) -> Path:
    return Path(config.source.uri)


def test_the_first_build_is_full_and_writes_every_document(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(5)])
    plan = planned(config)
    assert plan.kind is BuildKind.FULL
    assert plan.reasons == ["alias 'things' has no index yet"]
    assert plan.candidate == "things--b20260102t030405-000abc"
    assert writes(config, plan) == [("index", f"d{number}") for number in range(5)]
    assert sum(part.items for part in plan.encode_parts) == 5
    assert load_plan(Store(config.store), plan_path("things", plan.build_id)) == plan
    assert "texts to encode" in plan_in_words(plan)


@pytest.mark.parametrize("left", [0, 100], ids=["nothing left", "without its end"])
def test_a_scan_that_a_dead_machine_has_torn_is_made_anew(config: CorpusConfig, corpus: Path, left: int) -> None:
    write(corpus, [row(number) for number in range(5)])
    scans = planned(config).scans
    torn = Path(config.store, scans[0])
    torn.write_bytes(torn.read_bytes()[:left])
    again = planned(config, token="fff")
    assert (again.scans, again.counts.rows_read) == (scans, 5)


def test_a_text_many_documents_share_is_encoded_once(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [{**row(number), "title": "same"} for number in range(4)])
    plan = planned(config)
    assert (plan.counts.texts_to_encode, plan.counts.encoded) == (1, 4)
    assert plan.counts.chars_to_encode == len("same. some words")


def test_what_a_model_does_not_read_of_a_text_is_not_counted(tmp_path: Path) -> None:
    config = config_at(tmp_path, encoder={"max_tokens": 3})
    write(Path(config.source.uri), [row(1, body="word " * 100), row(2, body=None)])
    assert planned(config).counts.chars_to_encode == config.encoder.reads_chars + len("title 2. ")


def test_a_shared_text_is_encoded_where_it_comes_first(config: CorpusConfig, corpus: Path) -> None:
    shared = {"title": "same", "body": "words"}
    write(corpus, [row(20), {**row(21), **shared}, {**row(22), **shared}], name="b.parquet", group_rows=1)
    write(corpus, [row(10), row(11), row(12), {**row(13), **shared}, {**row(14), **shared}], group_rows=2)
    write(corpus, [row(30), row(11) | {"id": "d31"}], name="c.parquet")
    plan = planned(config)
    items = [(Path(item["file"]).name, item["row_group"], item["row"]) for item in part_rows(config, plan, "encode")]
    # By file, row group and row: d10 to d13, then d20, then d30; d14, d21, d22 and d31 repeat a text.
    firsts = [("a.parquet", group, place) for group, place in [(0, 0), (0, 1), (1, 0), (1, 1)]]
    assert items == [*firsts, ("b.parquet", 0, 0), ("c.parquet", 0, 0)]
    assert (plan.counts.texts_to_encode, plan.counts.encoded) == (6, 10)


def test_every_row_is_in_one_line_of_the_books(tmp_path: Path) -> None:
    config = config_at(tmp_path, limits=GENEROUS)
    blank = {"id": "blank", "title": None, "body": " \n", "price": 1}
    bad = [{**row(7), "id": None}, {**row(8), "id": ""}, {**row(9), "id": "é" * 300}]
    write(tmp_path / "corpus", [row(1), row(2), {**row(1), "price": 9}, blank, *bad])
    plan = planned(config)
    counts = plan.counts
    lines = (counts.encoded, counts.blank, counts.duplicate_ids, counts.dead_letters)
    assert (counts.rows_read, counts.documents, lines) == (7, 3, (2, 1, 1, 3))
    duplicates = Store(config.store).read_table(f"{plan.folder}/duplicates.parquet").to_pylist()
    assert [(item["id"], item["row_group"], item["row"]) for item in duplicates] == [("d1", 1, 0)]


def test_a_dead_letter_has_the_row_and_the_reason(tmp_path: Path) -> None:
    config = config_at(tmp_path, limits=GENEROUS)
    write(tmp_path / "corpus", [row(1), {**row(8), "id": "é" * 300}])
    plan = planned(config)
    (letter,) = read_letters(Store(config.store), f"{plan.folder}/dead_letters/scan.parquet")
    assert letter.place is not None
    assert (letter.error_class, letter.place.row_group, letter.place.row) == ("id_too_long", 0, 1)
    assert '"title":"title 8"' in letter.source
    assert "512 bytes" in letter.reason


def test_too_many_unusable_rows_stop_the_plan_and_are_kept_to_look_at(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1), {**row(2), "id": None}])
    with pytest.raises(BuildError, match=r"1 of 2 rows .* cannot be documents.*dead_letters/scan\.parquet"):
        planned(config)
    (letters,) = Store(config.store).files("things", "dead_letters/scan.parquet")
    assert [letter.error_class for letter in read_letters(Store(config.store), letters)] == ["null_id"]
    assert planned(config, mode="plan_only").counts.dead_letters == 1


def test_only_the_difference_is_planned_after_that(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(10)])
    first = planned(config)
    changed = [row(0, body="other words"), row(1, price=5), *(row(number) for number in range(2, 9)), row(99)]
    write(corpus, changed, group_rows=3)
    plan = planned(config, live=first)
    assert plan.kind is BuildKind.DELTA
    counts = plan.counts
    assert (counts.new, counts.text_changed, counts.fields_changed, counts.unchanged, counts.deleted) == (1, 1, 1, 7, 1)
    assert writes(config, plan) == [("delete", "d9"), ("index", "d0"), ("index", "d1"), ("index", "d99")]


def test_the_same_corpus_in_another_order_is_nothing_to_do(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(6)])
    first = planned(config)
    write(corpus, [row(number) for number in reversed(range(6))], group_rows=4)
    plan = planned(config, live=first)
    assert (plan.kind, plan.index_parts, plan.encode_parts) == (BuildKind.NOTHING, [], [])


def test_a_day_without_a_change_is_the_day_of_the_live_data_too(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1), row(2)])
    live = planned(config)
    cluster = live_cluster(config, live, meta={"documents": 2})
    before = dict(cluster.meta)
    later: dict[str, Any] = {"cluster": cluster, "data_date": date(2026, 1, 5), "now": datetime(2026, 1, 5, tzinfo=UTC)}
    for looks_only in ({"mode": "plan_only"}, {"row_limit": 1}):
        planned(config, **later | looks_only)
        assert cluster.meta == before
    assert planned(config, **later).kind is BuildKind.NOTHING
    assert cluster.meta == before | {"data_date": "2026-01-05"}
    older: dict[str, Any] = {"cluster": cluster, "data_date": date(2026, 1, 3), "now": datetime(2026, 1, 6, tzinfo=UTC)}
    with pytest.raises(BuildError, match=r"holds the data of 2026-01-05; this run is for the older 2026-01-03"):
        planned(config, **older)
    planned(config, **later | {"data_date": date(2027, 1, 5)})
    assert cluster.meta["data_date"] == "2026-01-05", "a year too far would lock out all days until then"
    planned(config, **older | {"force_older_date": True})
    assert cluster.meta["data_date"] == "2026-01-03"


def test_a_mass_delete_stops_the_plan_and_names_examples(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(10)])
    first = planned(config)
    write(corpus, [row(number) for number in range(5)])
    with pytest.raises(BuildError, match=r"5 of 10 documents .* \(d5, d6, d7, d8, d9"):
        planned(config, live=first)
    assert planned(config, live=first, accept_mass_change=True).counts.deleted == 5


def test_a_row_limit_takes_the_first_rows_and_never_promotes(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(9)])
    plan = planned(config, row_limit=4)
    assert (plan.counts.documents, plan.promotes) == (4, False)


def test_parts_are_even_and_hold_every_item_once(
    config: CorpusConfig, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparse_index.plan.parts.PART_ITEMS", 3)
    write(corpus, [row(number) for number in range(10)])
    plan = planned(config)
    assert [part.items for part in plan.encode_parts] == [2, 3, 2, 3]
    assert len(writes(config, plan)) == 10


def test_a_mass_change_stops_the_plan_and_names_examples(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(10)])
    first = planned(config)
    write(corpus, [row(number, price=2) for number in range(6)] + [row(number) for number in range(6, 10)])
    with pytest.raises(BuildError, match=r"6 of 10 documents .* would change \(d0, d1"):
        planned(config, live=first)
    assert planned(config, live=first, accept_mass_change=True).counts.fields_changed == 6


def test_vectors_in_the_store_are_used_again(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(4)])
    first = planned(config)
    add_vectors(config, first)
    write(corpus, [row(number) for number in range(5)])
    again = planned(config, live=first, mode="full")
    counts = again.counts
    assert again.reasons == ["full mode was asked for"]
    assert (counts.encoded, counts.reused, counts.unchanged, counts.texts_to_encode) == (1, 4, 0, 1)
    assert [item["row"] for item in part_rows(config, again, "encode")] == [0]
    assert len(writes(config, again)) == 5


def test_changed_fields_need_no_encoding(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(4)])
    first = planned(config)
    add_vectors(config, first)
    write(corpus, [row(0, price=7), *(row(number) for number in range(1, 4))])
    plan = planned(config, live=first)
    assert (plan.kind, plan.encode_parts, writes(config, plan)) == (BuildKind.DELTA, [], [("index", "d0")])
    assert (plan.counts.reused, plan.counts.unchanged) == (1, 3)


@pytest.mark.parametrize(
    ("meta", "made_by", "reason"),
    [
        ({"manifest": "gone.parquet"}, "3.6.0", "the live build's manifest is gone"),
        ({}, "2.19.1", "the live index was made by OpenSearch 2.19.1, the cluster is 3.6.0"),
    ],
)
def test_a_full_build_says_why(
    config: CorpusConfig, corpus: Path, meta: dict[str, str], made_by: str, reason: str
) -> None:
    write(corpus, [row(1)])
    first = planned(config)
    plan = planned(config, cluster=live_cluster(config, first, meta=meta, made_by=made_by))
    assert (plan.kind, plan.reasons) == (BuildKind.FULL, [reason])
    assert writes(config, plan) == [("index", "d1")]


def test_a_store_that_was_moved_or_is_spelled_otherwise_is_the_same_one(config: CorpusConfig, corpus: Path) -> None:
    """What says so is the live build's manifest, which is in it."""
    write(corpus, [row(1)])
    first = planned(config)
    add_vectors(config, first)
    write(corpus, [row(1), row(2)])
    assert planned(config, cluster=live_cluster(config, first, meta={"store": "elsewhere"})).kind is BuildKind.DELTA


def test_an_index_that_is_not_ours_is_replaced_by_a_full_build(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1)])
    cluster = live_cluster(config, planned(config))
    cluster.meta.clear()
    assert planned(config, cluster=cluster).reasons == [f"{cluster.live} does not say what it was built from"]


def test_too_little_disk_stops_the_plan(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(4)])
    first = planned(config)
    write(corpus, [row(number) for number in range(5)])
    tight = live_cluster(config, first, index_bytes=10 * GIB, free_bytes=30 * GIB)
    with pytest.raises(BuildError, match=r"may need 27 GB .* have 21 GB left"):
        planned(config, cluster=tight)
    roomy = live_cluster(config, first, index_bytes=10 * GIB, free_bytes=60 * GIB)
    assert planned(config, cluster=roomy).disk_bytes == int(10 * GIB * 5 / 4) * 2


def test_a_first_day_and_an_idle_day_read_well(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(4)])
    first = planned(config)
    report = plan_in_words(planned(config, live=first))
    assert "nothing changed: the live index stays as it is" in report
    assert "unchanged                                        4   100.0%" in report


def test_a_part_file_holds_what_its_stage_needs(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(3)])
    first = planned(config)
    write(corpus, [row(0, body="new"), row(1), row(3)])
    plan = planned(config, live=first, accept_mass_change=True)
    store = Store(config.store)
    names = ["text_hash", "file", "file_version", "row_group", "row"]
    span = ["start", "end"]
    assert store.read_table(plan.encode_parts[0].path).column_names == ["field", *names, *span]
    table = store.read_table(plan.index_parts[0].path)
    assert table.column_names == ["op", "id", *names[1:], "text_hash", "row_hash", "passages"]
    assert table.filter(pa_op(table, "delete")).to_pylist()[0]["file"] is None
    manifest = pq.read_table(store.full(plan.manifest))
    assert manifest.column_names[:3] == ["id", "file", "file_version"]
    assert sorted(manifest["id"].to_pylist()) == ["d0", "d1", "d3"]


def pa_op(table: Any, op: str) -> Any:
    return [value == op for value in table["op"].to_pylist()]


def test_the_types_are_those_that_were_decided_and_no_file_is_asked_again(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1)])
    store, request = Store(config.store), RunRequest(run_id="test", data_date=date(2026, 1, 2))
    scans = [scan_shard(config, store, shard) for shard in plan_shards(config)]
    shutil.rmtree(corpus)
    cluster: Any = live_cluster(config, None)
    plan = plan_changes(cluster, config, store, scans, request, now=datetime(2026, 1, 2, tzinfo=UTC), token="abcdef00")
    assert plan.schema_path == scans[0].shard.schema_path
    assert plan.mapping is not None
    assert {name: field["type"] for name, field in plan.mapping["properties"].items()} == {
        "id": "keyword",
        "title": "text",
        "body": "text",
        "price": "long",
        "text_sparse": "rank_features",
    }


def test_a_run_that_read_the_corpus_before_another_was_promoted_undoes_nothing(
    config: CorpusConfig, corpus: Path
) -> None:
    """Two runs of one day: what the second one adds is no deletion of the first, which planned after it."""
    write(corpus, [row(1)])
    first = planned(config)
    add_vectors(config, first)
    store, request = Store(config.store), RunRequest(run_id="test", data_date=date(2026, 1, 2))
    began: Any = live_cluster(config, first)
    found = shards.plan_shards(began, config, store, request)
    waiting = [scan_shard(config, store, shard) for shard in found]
    write(corpus, [row(1), row(2)])
    second: Any = live_cluster(config, planned(config, live=first, token="abcdef01"))
    with pytest.raises(BuildError, match=r"another run was promoted meanwhile, or somebody went back\. Nothing was"):
        plan_changes(second, config, store, waiting, request, now=datetime(2026, 1, 2, tzinfo=UTC), token="abcdef02")


def test_a_rollback_while_the_rows_are_compared_stops_the_plan_before_it_is_kept(
    config: CorpusConfig, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone of what it was compared with would bring back what somebody has just gone back from."""
    write(corpus, [row(number) for number in range(4)])
    live = planned(config)
    write(corpus, [row(number) for number in range(5)])
    cluster = live_cluster(config, live)

    def goes_back(*arguments: Any) -> None:
        write_files(*arguments)
        cluster.live = "things--b20250101t000000-abcdef"

    monkeypatch.setattr("sparse_index.plan.changes.write_files", goes_back)
    with pytest.raises(
        BuildError, match=r"is on things--b20250101t.*, but was on .*somebody went back.*Trigger a new run"
    ):
        planned(config, live, cluster=cluster, token="fff")
    assert [path for path in Store(config.store).files("things") if path.endswith("/plan.json")] == [
        plan_path("things", live.build_id)
    ]


def test_a_build_sorts_behind_the_live_one_whatever_the_clock_says(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1)])
    live = planned(config, now=datetime(2026, 1, 2, 2, 5, tzinfo=UTC))
    write(corpus, [row(1), row(2)])
    plan = planned(config, live=live, now=datetime(2026, 1, 2, 2, 0, tzinfo=UTC))
    assert live.candidate < plan.candidate
    assert build_time(plan.build_id) == datetime(2026, 1, 2, 2, 5, 1, tzinfo=UTC)
    assert plan.created_at == datetime(2026, 1, 2, 2, 0, tzinfo=UTC)


def test_a_golden_set_that_is_not_there_or_cannot_be_read_stops_the_plan(tmp_path: Path) -> None:
    config = config_at(tmp_path, gate={"golden": str(tmp_path / "golden")})
    write(Path(config.source.uri), [row(1)])
    with pytest.raises(ConfigError, match=r"golden \(gate\.golden\) is not there"):
        planned(config)
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "queries.jsonl").write_text('{"id": "q1"}\n')
    with pytest.raises(ConfigError, match="line 1: text: Field required"):
        planned(config)


def test_a_golden_query_whose_filter_an_index_cannot_answer_stops_the_plan(tmp_path: Path) -> None:
    config, queries = (
        config_at(tmp_path, gate={"golden": str(tmp_path / "golden")}),
        tmp_path / "golden" / "queries.jsonl",
    )
    write(Path(config.source.uri), [row(1)])
    queries.parent.mkdir()
    asked = '{"id": "q1", "text": "words", "must": ["d1"], "filters": ["%s=1"]}\n'
    queries.write_text(asked % "price")
    live = planned(config)
    queries.write_text(asked % "prize")
    with pytest.raises(ConfigError, match=r"query 'q1', asked of things--b.*no field 'prize'\. There is price"):
        planned(config, live)
    write(Path(config.source.uri), [row(1) | {"prize": 1}])
    with pytest.raises(ConfigError, match=f"query 'q1', asked of {live.candidate}: .*no field 'prize'.* goes in when"):
        planned(config, live)
    assert planned(config).kind is BuildKind.FULL, "nothing is live that could not answer"
