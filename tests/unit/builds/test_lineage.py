"""The corpus and the index of a build, as lineage names them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from build_plans import corpus_config, make_plan
from sparse_index.builds.check import Check, Verdict
from sparse_index.builds.lineage import DataSet, corpus_read, index_written
from sparse_index.builds.plan import Counts, Plan
from sparse_index.builds.reports import GATE, GateReport, gate_report_path
from sparse_index.corpus.schema import CorpusSchema, save_schema
from sparse_index.store.files import Store

MAPPING = {"properties": {"title": {"type": "text"}, "author": {"properties": {"name": {"type": "keyword"}}}}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def planned(store: Store, uri: str = "s3://lake/news/*.parquet") -> Plan:
    schema = CorpusSchema(pa.schema({"id": pa.string(), "at": pa.timestamp("us")}))
    config = corpus_config("news", store.root_uri, source={"uri": uri})
    counts = Counts(rows_read=9, documents=7)
    return make_plan(config, counts=counts, mapping=MAPPING, schema_path=save_schema(store, "news", schema))


def test_the_corpus_has_the_columns_that_were_read(store: Store) -> None:
    plan = planned(store).model_copy(update={"source_version": "12"})
    columns = {"id": "string", "at": "timestamp[us]"}
    assert corpus_read(store, plan) == DataSet("s3://lake", "news", columns, 9, "12")


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("s3://lake/news/a.parquet", "s3://lake", "news/a.parquet"),
        ("s3://lake/*.parquet", "s3://lake", "/"),
        ("abfs://box@account/news/", "abfs://box@account", "news"),
        ("https://me:hush@host/news.parquet?signature=hush", "https://host", "news.parquet"),
        ("/data/year=*/*.parquet", "file", "/data"),
        ("file:///data/part-[0-9].parquet", "file", "/data"),
        ("data/news.parquet", "file", "data/news.parquet"),
    ],
)
def test_it_is_named_as_whoever_writes_it_does(store: Store, uri: str, namespace: str, name: str) -> None:
    found = corpus_read(store, planned(store, uri))
    assert (found.namespace, found.name) == (namespace, name)


def test_a_feed_is_named_without_its_day(store: Store) -> None:
    plan = planned(store)
    source = plan.config.source.model_copy(update={"uri": "/data/day={data_date}"})
    feed = plan.model_copy(update={"config": plan.config.model_copy(update={"source": source})})
    assert corpus_read(store, feed).name == "/data"


def test_the_index_is_named_by_its_alias_and_says_what_the_gate_saw(store: Store) -> None:
    plan = planned(store)
    checks = [
        Check(name, verdict, None, None, "")
        for name, verdict in (("counts", Verdict.PASS), ("golden", Verdict.UNDECIDED), ("drift", Verdict.SKIPPED))
    ]
    report = GateReport(
        documents=7, live_documents=None, sampled=7, tokens_min=1, tokens_median=2, tokens_max=3, checks=checks
    )
    GATE.save(store, gate_report_path(plan), report)
    assert index_written(store, plan, "search:9200") == DataSet(
        "opensearch://search:9200",
        "news",
        {"title": "text", "author": "object"},
        7,
        plan.candidate,
        {"counts": True, "golden": False},
    )


def test_a_plan_of_a_former_version_names_no_column(store: Store) -> None:
    plan = planned(store).model_copy(update={"mapping": None})
    assert index_written(store, plan, "search:9200").columns == {}
