"""The owner's own mapping on a real cluster: searched by its analyzers and types, changed without encoding, tried before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
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
from sparse_index.config.search import SearchMode
from sparse_index.errors import BuildError
from sparse_index.live.alias import observe_alias
from sparse_index.pipeline import make_plan
from sparse_index.preflight.examine import preflight
from sparse_index.query.search import search
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration

SYNONYMS = {"type": "synonym_graph", "synonyms": ["sofa, couch, settee"]}
FURNITURE = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "asciifolding", "same"]}
ANALYSIS = {"filter": {"same": SYNONYMS}, "analyzer": {"furniture": FURNITURE}}
PARTS = pa.list_(pa.struct([("sku", pa.string()), ("count", pa.int32())]))
SIZE = pa.struct([("width", pa.int64()), ("box", pa.struct([("depth", pa.float64())]))])
POINT = pa.struct([("lat", pa.float64()), ("lon", pa.float64())])
LONG_ID = "9" * 38
ROWS: dict[str, pa.Array] = {
    "key": pa.array([Decimal(LONG_ID), Decimal(2**53 + 1), Decimal(1)], pa.decimal128(38, 0)),
    "Product Name": pa.array(["sofa \u00e9l\u00e9gant".encode(), b"couch", b"running shoes"]),
    "price": pa.array([19.99, float("nan"), 0.1]),
    "city": pa.array([{"lat": 52.5, "lon": 13.4}, None, {"lat": None, "lon": None}], POINT),
    "parts": pa.array([[{"sku": "a", "count": 2}, None], [{"sku": "a", "count": 9}, {"sku": "b", "count": 2}], None], PARTS),
    "size": pa.array([{"width": 2**60, "box": {"depth": 1.5}}, None, {"width": None, "box": None}], SIZE),
    "tags": pa.array([[("x", 2**60), ("y", None)], [], None], pa.map_(pa.string(), pa.int64())),
    "labels": pa.array([[("a.b", "x")], [], None], pa.map_(pa.string(), pa.string())),
}  # fmt: skip
FIELDS: dict[str, Json] = {
    "key": {"type": "keyword"},
    "Product Name": {"type": "text", "analyzer": "furniture", "copy_to": "all"},
    "all": {"type": "text", "analyzer": "english"},
    "name": {"type": "alias", "path": "Product Name"},
    "price": {"type": "scaled_float", "scaling_factor": 100},
    "city": {"type": "geo_point"},
    "parts": {"type": "nested", "properties": {"sku": {"type": "keyword"}}},
    "size": {"type": "object", "properties": {"box": {"type": "object"}}},
    "tags": {"type": "object"},
    "labels": {"type": "flat_object"},
}
TEMPLATE = {"id_column": "key", "text_template": "{Product Name}"}


@pytest.fixture
def alias(plain_cluster: Cluster) -> Iterator[str]:
    alias = f"own-{uuid4().hex[:8]}"
    yield alias
    remove_indices(plain_cluster, alias)


@pytest.fixture(scope="module")
def shop(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CorpusConfig]:
    """An index of ROWS by FIELDS."""
    folder, alias = tmp_path_factory.mktemp("shop"), f"own-{uuid4().hex[:8]}"
    pq.write_table(pa.table(ROWS), folder / "corpus.parquet")
    config = real_config(alias, folder, source=TEMPLATE, index={"fields": FIELDS, "analysis": ANALYSIS})
    built(plain_cluster, config, planned(plain_cluster, config))
    yield config
    remove_indices(plain_cluster, alias)


def test_documents_are_the_rows(plain_cluster: Cluster, shop: CorpusConfig) -> None:
    found = documents(plain_cluster, shop.alias)
    assert {name: source | {"text_sparse": 0} for name, source in found.items()} == {
        LONG_ID: {"key": LONG_ID, "Product Name": "sofa \u00e9l\u00e9gant", "price": 19.99, "city": {"lat": 52.5, "lon": 13.4},
                  "parts": [{"sku": "a", "count": 2}, None], "size": {"width": 2**60, "box": {"depth": 1.5}},
                  "tags": {"x": 2**60, "y": None}, "labels": {"a.b": "x"}, "text_sparse": 0},
        str(2**53 + 1): {"key": str(2**53 + 1), "Product Name": "couch",
                         "parts": [{"sku": "a", "count": 9}, {"sku": "b", "count": 2}], "tags": {}, "labels": {},
                         "text_sparse": 0},
        "1": {"key": "1", "Product Name": "running shoes", "price": 0.1, "size": {"width": None, "box": None}, "text_sparse": 0},
    }  # fmt: skip


def _nested(*terms: Json) -> Json:
    return {"nested": {"path": "parts", "query": {"bool": {"must": list(terms)}}}}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"term": {"key": LONG_ID}}, [LONG_ID]),
        ({"match": {"Product Name": "settee"}}, [LONG_ID, str(2**53 + 1)]),
        ({"match": {"name": "settee"}}, [LONG_ID, str(2**53 + 1)]),
        ({"match": {"all": "shoe"}}, ["1"]),
        ({"term": {"price": 19.99}}, [LONG_ID]),
        ({"geo_distance": {"distance": "1km", "city": {"lat": 52.5, "lon": 13.4}}}, [LONG_ID]),
        (_nested({"term": {"parts.sku": "a"}}, {"term": {"parts.count": 2}}), [LONG_ID]),
        ({"term": {"size.width": 2**60}}, [LONG_ID]),
        ({"term": {"size.box.depth": 1.5}}, [LONG_ID]),
        ({"term": {"tags.x": 2**60}}, [LONG_ID]),
        ({"term": {"labels.a.b": "x"}}, [LONG_ID]),
    ],
)
def test_a_search_finds_what_the_declared_field_says(
    plain_cluster: Cluster, shop: CorpusConfig, query: Json, ids: list[str]
) -> None:
    hits = plain_cluster.post(f"/{shop.alias}/_search", {"query": query})["hits"]["hits"]
    assert sorted(hit["_id"] for hit in hits) == sorted(ids)


def test_bm25_uses_the_field_s_own_analyzer(plain_cluster: Cluster, shop: CorpusConfig) -> None:
    assert [hit.id for hit in search(plain_cluster, shop, "ELEGANT", mode=SearchMode.BM25).hits] == [LONG_ID]
    assert {hit.id for hit in search(plain_cluster, shop, "settee", mode=SearchMode.BM25).hits} == {
        LONG_ID,
        str(2**53 + 1),
    }


def test_bm25_passes_over_template_columns_that_are_no_text(plain_cluster: Cluster, alias: str, tmp_path: Path) -> None:
    columns = {
        "code": pa.array([7]),
        "raw": pa.array([b"ab"]),
        "spot": pa.array(["1,2"]),
        "day": pa.array([date(2026, 1, 1)]),
        "tag": pa.array(["running shoes"]),
        "body": pa.array(["running shoes"]),
        "secret": pa.array(["running shoes"]),
    }
    fields = {
        "raw": {"type": "binary"},
        "spot": {"type": "geo_point"},
        "tag": {"type": "keyword"},
        "secret": {"type": "text", "index": False},
        "code": {"type": "rank_feature"},
    }
    pq.write_table(pa.table({"id": ["a"], **columns}), tmp_path / "corpus.parquet")
    template = " ".join(f"{{{name}}}" for name in columns)
    config = real_config(alias, tmp_path, source={"text_template": template}, index={"fields": fields})
    built(plain_cluster, config, planned(plain_cluster, config))
    (hit,) = search(plain_cluster, config, "shoes 7 1,2", mode=SearchMode.BM25, explain=True).hits
    assert (hit.id, set(hit.matched)) == ("a", {"shoes"})


def test_nothing_changes_and_nothing_is_said_of_what_the_owner_declared(
    plain_cluster: Cluster, shop: CorpusConfig
) -> None:
    plan = planned(plain_cluster, shop)
    assert plan.kind is BuildKind.NOTHING
    assert [note for note in plan.notes if "NaN" not in note] == []


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({"fields": FIELDS | {"all": {"type": "text", "analyzer": "nope"}}}, r"analyzer \[nope\] has not been configured"),
        ({"fields": FIELDS | {"price": {"type": "money"}}}, r"No handler for type \[money\] declared on field \[price\]"),
        ({"fields": FIELDS | {"city": {"type": "geo_point", "analyzer": "x"}}}, "unsupported parameters"),
        ({"analysis": {"analyzer": {"furniture": {"type": "custom", "tokenizer": "no"}}}}, "Failed to build analyzers"),
    ],
)  # fmt: skip
def test_what_the_cluster_refuses_is_told_before_anything_is_encoded(
    plain_cluster: Cluster, shop: CorpusConfig, index: dict[str, Any], words: str
) -> None:
    config = shop.model_copy(update={"index": shop.index.model_copy(update=index)})
    before = _indices(plain_cluster, shop.alias)
    for look in (lambda: planned(plain_cluster, config), lambda: preflight(plain_cluster, config, Store(config.store))):
        with pytest.raises(BuildError, match=words):
            look()
    assert _indices(plain_cluster, shop.alias) == before


def _indices(cluster: Cluster, alias: str) -> set[str]:
    return set(cluster.get(f"/{alias}--b*/_alias"))


def _day(config: CorpusConfig, cluster: Cluster, folder: Path, number: int, **columns: Any) -> Plan:
    when = date(2026, 1, number)
    path = folder / f"day={when}" / "f.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"id": [f"d{number}"], "body": ["running shoes"], **columns}), path)
    plan = make_plan(cluster, config, Store(config.store), RunRequest(run_id=f"day {number}", data_date=when))
    built(cluster, config, plan)
    return plan


def test_fields_of_a_feed_are_declared_later_without_encoding(
    plain_cluster: Cluster, alias: str, tmp_path: Path
) -> None:
    """Analyzer of the text and type of another column: the documents of earlier days are written anew from the stored vectors."""
    source = {"uri": f"{tmp_path}/day={{data_date}}", "text_template": "{body}", "columns": ["id", "body", "code"]}
    config = real_config(alias, tmp_path, kind="feed", source=source)
    _day(config, plain_cluster, tmp_path, 1, code=[7.0])
    declared = {"body": {"type": "text", "analyzer": "english"}, "code": {"type": "long"}}
    config = config.model_copy(update={"index": config.index.model_copy(update={"fields": declared})})
    plan = _day(config, plain_cluster, tmp_path, 2, code=[8.0])
    assert (plan.kind, plan.counts.texts_to_encode) == (BuildKind.FULL, 0)
    assert {name: source["code"] for name, source in documents(plain_cluster, alias).items()} == {"d1": 7, "d2": 8}
    assert repr(documents(plain_cluster, alias)["d1"]["code"]) == "7"
    assert {hit.id for hit in search(plain_cluster, config, "shoe", mode=SearchMode.BM25).hits} == {"d1", "d2"}
    assert _day(config, plain_cluster, tmp_path, 3, code=[9.0]).kind is BuildKind.DELTA
    assert observe_alias(plain_cluster, alias).index is not None


def test_what_a_declared_number_cannot_hold_is_a_dead_letter(
    plain_cluster: Cluster, alias: str, tmp_path: Path
) -> None:
    """The cluster would clip the first and round the second without a word."""
    columns = {"price": pa.array([1.5, 1e17]), "count": pa.array([2**24 + 1, 2**24])}
    pq.write_table(pa.table({"id": ["a", "b"], "body": ["x", "y"], **columns}), tmp_path / "corpus.parquet")
    fields = {"price": {"type": "scaled_float", "scaling_factor": 100}, "count": {"type": "float"}}
    config = real_config(
        alias, tmp_path, source={"text_template": "{body}"}, index={"fields": fields}, limits={"min_documents": 0}
    )
    plan = planned(plain_cluster, config)
    assert built(plain_cluster, config, plan).dead_letters == 2
    assert documents(plain_cluster, alias) == {}
    assert any("is beyond what" in note for note in plan.notes)
