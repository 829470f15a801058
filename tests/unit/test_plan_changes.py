"""Corpus in, plan out: the change set against a live build, without a cluster."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.files import plan_shards
from sparse_index.corpus.scan import scan_shard
from sparse_index.errors import BuildError, ConfigError, CorpusError, TerminalError
from sparse_index.plan.changes import plan_changes
from sparse_index.plan.model import BuildKind, Plan, RunRequest, load_plan, plan_path
from sparse_index.plan.report import plan_report
from sparse_index.store import Store


class FakeCluster:
    """An alias and the `_meta` of the index behind it: all that planning asks for."""

    def __init__(self, alias: str, live: str | None = None, meta: dict[str, Any] | None = None) -> None:
        self._alias, self._live, self._meta = alias, live, meta

    def get(self, path: str, **_: object) -> dict[str, Any]:
        if path == f"/{self._alias}/_alias" and self._live:
            return {self._live: {"aliases": {self._alias: {}}}}
        if path == f"/{self._live}/_mapping":
            return {self._live: {"mappings": {"_meta": {"sparse_index": self._meta}}}}
        raise TerminalError(f"GET {path}: 404", 404)


def row(number: int, body: str | None = "some words", price: int = 1) -> dict[str, Any]:
    return {"id": f"d{number}", "title": f"title {number}", "body": body, "price": price}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    return tmp_path / "corpus"


@pytest.fixture
def config(tmp_path: Path, corpus: Path) -> CorpusConfig:
    model = tmp_path / "model.zip"
    model.write_bytes(b"not empty")
    return CorpusConfig.model_validate(
        {
            "alias": "things",
            "store": str(tmp_path / "store"),
            "source": {"uri": str(corpus), "id_column": "id", "text_template": "{title}. {body}"},
            "encoder": {"model": {"source": "file", "name": "m", "version": "1", "path": str(model)}},
        }
    )


def write(folder: Path, rows: list[dict[str, Any]], name: str = "a.parquet", group_rows: int = 2) -> None:
    pq.write_table(pa.Table.from_pylist(rows), folder / name, row_group_size=group_rows)


def planned(config: CorpusConfig, live: Plan | None = None, **request: Any) -> Plan:
    store = Store(config.store)
    scans = [scan_shard(config, store, shard) for shard in plan_shards(config)]
    cluster = FakeCluster(config.alias)
    if live is not None:
        meta = {
            "alias": config.alias,
            "build_id": live.build_id,
            "state": "complete",
            "data_date": live.request.data_date.isoformat(),
            "fingerprint": live.fingerprint,
            "document_hash": live.config.document_hash(),
            "store": config.store,
            "manifest": live.manifest,
            "receipt": "",
        }
        cluster = FakeCluster(config.alias, live.candidate, meta)
    wanted = RunRequest(**({"run_id": "test", "data_date": date(2026, 1, 2)} | request))
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return plan_changes(cluster, config, store, scans, wanted, now=now, token="abcdef00")  # type: ignore[arg-type]


def operations(config: CorpusConfig, plan: Plan) -> list[tuple[str, str]]:
    store = Store(config.store)
    rows = [item for part in plan.index_parts for item in store.read_table(part.path).to_pylist()]
    return sorted((item["op"], item["id"]) for item in rows)


def test_the_first_build_is_full_and_writes_every_document(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(5)])
    plan = planned(config)
    assert plan.kind is BuildKind.FULL
    assert plan.reasons == ["alias 'things' has no index yet"]
    assert plan.candidate == "things--b20260102t030405-abcdef"
    assert operations(config, plan) == [("index", f"d{number}") for number in range(5)]
    assert sum(part.items for part in plan.encode_parts) == 5
    assert load_plan(Store(config.store), plan_path("things", plan.build_id)) == plan
    assert "texts to encode" in plan_report(plan)


def test_a_text_many_documents_share_is_encoded_once(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [{**row(number), "title": "same"} for number in range(4)])
    plan = planned(config)
    assert (plan.counts.texts_to_encode, plan.counts.encoded) == (1, 4)


def test_every_row_is_in_one_line_of_the_books(config: CorpusConfig, corpus: Path) -> None:
    blank = {"id": "blank", "title": None, "body": " \n", "price": 1}
    bad = [{**row(7), "id": None}, {**row(8), "id": ""}, {**row(9), "id": "é" * 300}]
    write(corpus, [row(1), row(2), {**row(1), "price": 9}, blank, *bad])
    counts = planned(config).counts
    assert (counts.rows_read, counts.encoded, counts.blank, counts.duplicate_ids, counts.dead_letters) == (
        7,
        2,
        1,
        1,
        3,
    )
    assert counts.documents == 3
    letters = Store(config.store).read_table(f"things/builds/{planned(config).build_id}/dead_letters/scan.parquet")
    assert sorted(letters["error_class"].to_pylist()) == ["empty_id", "id_too_long", "null_id"]


def test_only_the_difference_is_planned_after_that(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(10)])
    first = planned(config)
    changed = [row(0, body="other words"), row(1, price=5), *(row(number) for number in range(2, 9)), row(99)]
    write(corpus, changed, group_rows=3)
    plan = planned(config, live=first)
    assert plan.kind is BuildKind.DELTA
    counts = plan.counts
    assert (counts.new, counts.text_changed, counts.fields_changed, counts.unchanged, counts.deleted) == (1, 1, 1, 7, 1)
    assert operations(config, plan) == [("delete", "d9"), ("index", "d0"), ("index", "d1"), ("index", "d99")]


def test_the_same_corpus_in_another_order_is_nothing_to_do(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(6)])
    first = planned(config)
    write(corpus, [row(number) for number in reversed(range(6))], group_rows=4)
    plan = planned(config, live=first)
    assert (plan.kind, plan.index_parts, plan.encode_parts) == (BuildKind.NOTHING, [], [])


def test_a_mass_delete_stops_the_plan_and_names_examples(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(10)])
    first = planned(config)
    write(corpus, [row(number) for number in range(5)])
    with pytest.raises(BuildError, match=r"5 of 10 documents .* \(d5, d6, d7, d8, d9"):
        planned(config, live=first)
    assert planned(config, live=first, accept_mass_change=True).counts.deleted == 5


def test_an_older_date_is_refused_at_plan_time(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1)])
    first = planned(config)
    with pytest.raises(BuildError, match="older"):
        planned(config, live=first, data_date=date(2025, 12, 31))
    assert planned(config, live=first, data_date=date(2025, 12, 31), force_older_date=True).kind is BuildKind.NOTHING


def test_a_row_limit_takes_the_first_rows_and_never_promotes(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number) for number in range(9)])
    plan = planned(config, row_limit=4)
    assert (plan.counts.documents, plan.promotes) == (4, False)


def test_parts_are_even_and_hold_every_item_once(
    config: CorpusConfig, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparse_index.plan.changes.PART_ITEMS", 3)
    write(corpus, [row(number) for number in range(10)])
    plan = planned(config)
    assert [part.items for part in plan.encode_parts] == [2, 3, 2, 3]
    assert len(operations(config, plan)) == 10


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"not parquet at all", r"a\.parquet cannot be read: .* torn or no Parquet"), (None, "No Parquet file")],
)
def test_no_or_no_parquet_file_is_said(config: CorpusConfig, corpus: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (corpus / "a.parquet").write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        plan_shards(config)


def test_a_torn_row_group_names_file_and_group(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(number, body="words " * 50 + str(number)) for number in range(200)], group_rows=100)
    path = corpus / "a.parquet"
    whole = bytearray(path.read_bytes())
    whole[4:400] = b"\xff" * 396
    path.write_bytes(whole)
    store = Store(config.store)
    with pytest.raises(CorpusError, match=r"a\.parquet, row group 0 cannot be read"):
        scan_shard(config, store, plan_shards(config)[0])
    assert store.files("things/manifests") == []


def test_a_file_that_changes_under_the_run_is_noticed(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1)])
    shard = plan_shards(config)[0]
    write(corpus, [row(2)])
    with pytest.raises(CorpusError, match="changed or vanished while the build was running"):
        scan_shard(config, Store(config.store), shard)


def test_differing_schemas_name_both_files(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [row(1)])
    write(corpus, [{**row(2), "price": "dear"}], name="b.parquet")
    with pytest.raises(CorpusError, match=r"'price': int64 and string"):
        plan_shards(config)


def test_all_column_problems_come_in_one_message(config: CorpusConfig, corpus: Path) -> None:
    write(corpus, [{"id": 1.5, "title": "t", "extra": {"nested": 1}}])
    with pytest.raises(ConfigError, match=r"(?s)missing columns body.*must be text or integer.*'extra'.*flatten it"):
        plan_shards(config)
