"""The whole build on the real server: first everything, then only what changed, then nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ModelError
from sparse_index.live.alias import observe_alias
from sparse_index.pipeline import run
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration

REQUEST = RunRequest(run_id="test", data_date=date(2026, 1, 2))
ROWS = [
    {"id": f"t{number}", "title": f"ticket {number}", "body": body, "price": number}
    for number, body in enumerate(["the screen is cracked", "refund my order", "login fails", "parcel is late"] * 5)
]


@pytest.fixture
def config(tmp_path: Path, toy_models: Path, plain_cluster: Cluster) -> Iterator[CorpusConfig]:
    (tmp_path / "corpus").mkdir()
    config = CorpusConfig.model_validate(
        {
            "alias": "pipeline-test",
            "store": str(tmp_path / "store"),
            "source": {"uri": str(tmp_path / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
            "encoder": {
                "model": {
                    "source": "file",
                    "name": "toy-sparse",
                    "version": "1.0.0",
                    "path": str(toy_models / "sparse" / "model.zip"),
                }
            },
            "index": {"replicas": 0},
        }
    )
    yield config
    plain_cluster.delete("/pipeline-test--b*")


def write(config: CorpusConfig, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), Path(config.source.uri) / "a.parquet", row_group_size=6)


def documents(cluster: Cluster, alias: str) -> dict[str, dict[str, Any]]:
    hits = cluster.post(f"/{alias}/_search", {"size": 1000, "query": {"match_all": {}}})["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def models(cluster: Cluster) -> int:
    answer = cluster.post("/_plugins/_ml/models/_search", {"query": {"match_all": {}}})
    return int(answer["hits"]["total"]["value"])


def test_a_day_after_the_first_costs_only_what_changed(plain_cluster: Cluster, config: CorpusConfig) -> None:
    store = Store(config.store)
    before = models(plain_cluster)
    write(config, ROWS)
    first = run(plain_cluster, config, store, REQUEST)
    assert first.receipt["outcome"] == "promoted"
    assert observe_alias(plain_cluster, "pipeline-test").members == (first.plan.candidate,)
    found = documents(plain_cluster, "pipeline-test")
    assert len(found) == 20
    assert {"screen", "cracked"} <= set(found["t0"]["text_sparse"])
    assert models(plain_cluster) == before

    changed = [{**ROWS[0], "body": "the display is shattered"}, {**ROWS[1], "price": 99}, *ROWS[2:-1]]
    write(config, changed)
    second = run(plain_cluster, config, store, REQUEST)
    assert (second.receipt["outcome"], second.plan.kind) == ("promoted", BuildKind.DELTA)
    assert second.plan.counts.texts_to_encode == 1
    found = documents(plain_cluster, "pipeline-test")
    assert set(found) == {row["id"] for row in changed}
    assert found["t1"]["price"] == 99
    assert "shattered" in found["t0"]["text_sparse"]

    third = run(plain_cluster, config, store, REQUEST)
    assert third.receipt["outcome"] == "nothing_changed"
    assert observe_alias(plain_cluster, "pipeline-test").members == (second.plan.candidate,)


def test_a_model_that_cannot_be_used_leaves_nothing_behind(
    plain_cluster: Cluster, config: CorpusConfig, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.zip"
    with ZipFile(broken, "w") as archive:
        archive.writestr("model.pt", b"this is no TorchScript")
        archive.writestr("tokenizer.json", b"{}")
    model = config.encoder.model.model_copy(update={"path": str(broken)})
    config = config.model_copy(update={"encoder": config.encoder.model_copy(update={"model": model})})
    before = models(plain_cluster)
    write(config, ROWS)
    with pytest.raises(ModelError, match="did not deploy"):
        run(plain_cluster, config, Store(config.store), REQUEST)
    assert models(plain_cluster) == before
    assert observe_alias(plain_cluster, "pipeline-test").members == ()
    store = Store(config.store)
    receipt = store.read_json(store.files("pipeline-test/builds", "/receipt.json")[0])
    assert receipt["outcome"] == "failed"
    assert "did not deploy" in receipt["failures"]["deploy"]
    assert "'pipeline-test' has no live index; this build failed. Nothing is untidy." in receipt["summary"]
