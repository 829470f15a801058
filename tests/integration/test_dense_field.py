"""A corpus whose vector field is dense, on the real server: built with a toy model, found by its meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.model_server import TOY_MODELS, deployed
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError, ModelError, UnavailableError
from sparse_index.ml.predict import outputs
from sparse_index.pipeline import Run, run
from sparse_index.store.files import Store
from sparse_index.vectors.kind import Asked
from sparse_index.vectors.kinds import vector_kind

pytestmark = pytest.mark.integration
ALIAS = "dense-field-test"
DENSE = TOY_MODELS / "dense"
BODIES = ["the screen is shattered", "give me my money back", "the login fails", "the parcel is late"]
ROWS = [{"id": f"t{number}", "body": body, "shop": number % 2} for number, body in enumerate(BODIES)]


@pytest.fixture
def folder(tmp_path: Path, plain_cluster: Cluster) -> Iterator[Path]:
    setting = {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}
    plain_cluster.put("/_cluster/settings", {"persistent": setting})
    (tmp_path / "corpus").mkdir()
    yield tmp_path
    plain_cluster.delete(f"/{ALIAS}--b*")


def ours() -> dict[str, Any]:
    card = json.loads((DENSE / "config.json").read_text())
    named = {name: card[name] for name in ("name", "version", "model_format")}
    return {"source": "file", "path": str(DENSE / "model.zip"), "model_config_body": card["model_config"]} | named


def config_with(folder: Path, model: dict[str, Any], dimension: int = 64, **settings: Any) -> CorpusConfig:
    field = {"kind": "dense", "dimension": dimension, "encoder": {"model": model, "chunk_docs": 8}} | settings
    return CorpusConfig.model_validate(
        {
            "alias": ALIAS,
            "store": str(folder / "store"),
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{body}"},
            "vectors": {"text_dense": field},
            "index": {"replicas": 0},
            "limits": {"max_dead_letter_share": 1, "max_changed_share": 1, "max_empty_share": 1},
        }
    )


def built(cluster: Cluster, config: CorpusConfig, rows: list[dict[str, Any]]) -> Run:
    pq.write_table(pa.Table.from_pylist(rows), Path(config.source.uri) / "a.parquet", row_group_size=2)
    return run(cluster, config, Store(config.store), RunRequest(run_id="test", data_date=date(2026, 1, 2)))


def nearest(cluster: Cluster, config: CorpusConfig, model_id: str, query: str, asked: Asked) -> list[str]:
    kind = vector_kind(config.first_field)
    (output,) = outputs(cluster, model_id, kind, [query])
    body = {"size": asked.candidates, "query": kind.clause("text_dense", output, asked)}
    return [hit["_id"] for hit in cluster.post(f"/{ALIAS}/_search", body)["hits"]["hits"]]


def test_a_dense_field_is_built_kept_up_to_date_and_searched(plain_cluster: Cluster, folder: Path) -> None:
    config = config_with(folder, ours())
    first = built(plain_cluster, config, ROWS)
    assert first.receipt["outcome"] == "promoted"
    sources = {
        hit["_id"]: hit["_source"] for hit in plain_cluster.post(f"/{ALIAS}/_search", {"size": 100})["hits"]["hits"]
    }
    assert {len(source["text_dense"]) for source in sources.values()} == {64}
    again = built(plain_cluster, config, ROWS)
    assert (again.receipt["outcome"], again.plan.reasons) == ("nothing_changed", ["only what changed"])

    unknown_words = {"id": "zeros", "body": "qqq zzz", "shop": 0}
    changed = [*ROWS[:2], {**ROWS[2], "body": "the parcel never came"}, ROWS[3], unknown_words]
    second = built(plain_cluster, config, changed)
    assert (second.receipt["outcome"], second.plan.kind) == ("promoted", BuildKind.DELTA)
    assert second.plan.counts.texts_to_encode == 2
    assert plain_cluster.get(f"/{ALIAS}/_count")["count"] == len(changed)
    books = second.receipt["books"]
    assert isinstance(books, dict)
    assert books["empty"] == {"text_dense": 1}, "a zero vector is never sent, and no dead letter"
    assert "text_dense" not in plain_cluster.get(f"/{ALIAS}/_doc/zeros")["_source"]
    (listed,) = Store(config.store).files(f"{second.plan.folder}/empty", ".parquet")
    assert [row["id"] for row in Store(config.store).read_table(listed).to_pylist()] == ["zeros"]

    third = built(plain_cluster, config_with(folder, ours(), space="l2"), changed)
    assert (third.receipt["outcome"], third.plan.kind) == ("promoted", BuildKind.FULL)
    assert third.plan.counts.texts_to_encode == 0

    with deployed(plain_cluster, DENSE) as model_id:
        assert nearest(plain_cluster, config, model_id, "refund", Asked(1)) == ["t1"]
        other_shop = Asked(1, [{"term": {"shop": 0}}])
        assert nearest(plain_cluster, config, model_id, "cracked display", other_shop) == ["t0"]
        assert len(nearest(plain_cluster, config, model_id, "refund", other_shop)) == 1


def test_a_cluster_that_would_lose_a_node_or_every_document_is_refused_in_words(
    plain_cluster: Cluster, folder: Path
) -> None:
    faiss = config_with(folder, ours(), engine="faiss", knn_natives=True)
    with pytest.raises(ConfigError, match=r"vectors\.text_dense: engine is faiss, and local has not the k-NN plugin's"):
        built(plain_cluster, faiss, ROWS)
    breaker = "knn.circuit_breaker.triggered"
    plain_cluster.put("/_cluster/settings", {"persistent": {breaker: True}})
    try:
        with pytest.raises(
            UnavailableError, match=f"{breaker} is true: the cluster refuses every document .* in 'text_dense'"
        ):
            built(plain_cluster, config_with(folder, ours()), ROWS)
    finally:
        plain_cluster.put("/_cluster/settings", {"persistent": {breaker: None}})


def test_a_model_of_another_dimension_or_kind_is_refused(plain_cluster: Cluster, folder: Path) -> None:
    with deployed(plain_cluster, DENSE) as model_id:
        given = config_with(folder, {"source": "model_id", "model_id": model_id}, dimension=768)
        with pytest.raises(
            ModelError, match="Vector field 'text_dense': the model answers 64 numbers, `dimension` is 768"
        ):
            built(plain_cluster, given, ROWS)
    with deployed(plain_cluster, TOY_MODELS / "sparse") as model_id:
        given = config_with(folder, {"source": "model_id", "model_id": model_id})
        with pytest.raises(ConfigError, match=f"{model_id} is SPARSE_ENCODING, its vector field needs TEXT_EMBEDDING"):
            built(plain_cluster, given, ROWS)
