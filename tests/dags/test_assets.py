"""The asset of a corpus: what it says to those who list assets, and what an event of it says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Asset

from build_plans import corpus_config
from opensearch_ml.assets import GROUP, search_index, tell
from sparse_index.config.corpus import CorpusConfig, LimitsConfig

MODEL = {"model": {"source": "model_id", "model_id": "m1"}}
TWO_FIELDS = {
    "vectors": {
        "words": {"kind": "sparse", "encoder": MODEL},
        "meaning": {"kind": "dense", "dimension": 8, "encoder": MODEL},
    }
}


def test_the_promotion_of_a_daily_dag_brings_the_asset_up_to_date(dag: DAG) -> None:
    (asset,) = dag.get_task("promote").outlets
    assert isinstance(asset, Asset)
    assert (asset.name, asset.uri, asset.group) == ("tickets", "x-opensearch://tickets", GROUP)
    assert asset.extra == {
        "corpus": "tickets",
        "store": asset.extra["store"],
        "connection": "opensearch_default",
        "owner": "search",
        "searched": asset.extra["searched"],
    }


def test_no_secret_of_the_stores_address_is_in_the_asset() -> None:
    config = corpus_config("tickets", "https://me:hush@host/store?signature=hush", owner="me")
    asset = search_index("tickets", config)
    assert "hush" not in str(asset)
    extra: Any = asset.extra
    assert extra["store"] == extra["searched"]["store"] == "https://host/store"


ALIASES = {"index": {"fields": {"path": {"type": "alias", "path": "title"}}}}
DAYS = {"uri": "/data/day={data_date}/*.parquet", "columns": ["title"]}
FEED = {"kind": "feed", "source": DAYS}
DELETING = {"kind": "feed", "source": DAYS | {"deleted_column": "gone", "backfill_horizon_days": 90}}


@pytest.mark.parametrize(
    "sections", [{}, TWO_FIELDS, FEED, DELETING, ALIASES, {"search": {"mode": "bm25"}, "limits": {"min_documents": 5}}]
)
def test_whoever_reads_the_asset_can_search_as_the_corpus_file_says(sections: dict[str, Any]) -> None:
    config = corpus_config("tickets", **sections)
    source = config.source.model_copy(update={"uri": "elsewhere/{data_date}" if sections.get("kind") else "elsewhere"})
    config = config.model_copy(update={"source": source})
    told = CorpusConfig.model_validate(search_index("tickets", config).extra["searched"])
    for section in ("alias", "kind", "source", "vector_fields", "index", "query", "search"):
        assert getattr(told, section) == getattr(config, section)
    assert told.document_hash() == config.document_hash()
    assert told.limits == LimitsConfig(), "what has nothing to do with searching stays at home"


def test_the_event_has_the_news() -> None:
    asset = Asset("tickets", "x-opensearch://tickets")
    context: dict[str, Any] = {"outlet_events": {asset: SimpleNamespace(extra={})}}
    tell(context, [asset], {"build_id": "b1"})
    assert context["outlet_events"][asset].extra == {"build_id": "b1"}
