"""`encoder.run_on: worker` with the real ONNX runtime and a published dense model of int8 weights. Skipped where that is not."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.model_server import deployed
from demo.real_models import fetch_models
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.errors import ModelError
from sparse_index.gate.encoder import prove_encoder
from sparse_index.pipeline import make_plan
from sparse_index.store.files import Store
from sparse_index.vectors.files import vector_paths

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime (the extra `worker-onnx`) is not installed")
pytestmark = pytest.mark.integration
# That of OpenSearch's plugin. What int8 weights say of some texts depends on it.
THE_CLUSTERS = "1.20."
BODIES = [f"the parcel no. {number} did not arrive {'and the money is gone ' * (number % 7)}" for number in range(40)]


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    fetch_models(folder)
    return folder / "minilm"


def planned(cluster: Cluster, folder: Path, minilm: Path, run_on: str) -> Plan:
    (folder / "corpus").mkdir(parents=True)
    ids = [f"t{number}" for number in range(len(BODIES))]
    pq.write_table(pa.table({"id": ids, "body": BODIES}), folder / "corpus" / "a.parquet")
    card = json.loads((minilm / "config.json").read_text())
    named = {name: card[name] for name in ("name", "version", "model_format")}
    model = {"source": "file", "path": str(minilm / "model.zip"), "model_config_body": card["model_config"]} | named
    encoder = {"model": model, "run_on": run_on, "max_tokens": 256}
    config: dict[str, Any] = {
        "alias": f"onnx-{run_on}",
        "store": str(folder / "store"),
        "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{body}"},
        "vectors": {"text_dense": {"kind": "dense", "dimension": 384, "encoder": encoder}},
    }
    corpus = CorpusConfig.model_validate(config)
    return make_plan(cluster, corpus, Store(corpus.store), RunRequest(run_id="test", data_date=date(2026, 1, 2)))


def encoded(cluster: Cluster, plan: Plan, model_id: str) -> dict[str, np.ndarray]:
    store, ids = Store(plan.config.store), {plan.fingerprint: model_id}
    prove_encoder(cluster, store, plan, ids)
    for part in plan.encode_parts:
        assert encode_part(cluster, store, plan, part, ids, cores=2).encoded == len(BODIES)
    rows = [row for path in vector_paths(store, plan.fingerprint) for row in store.read_table(path).to_pylist()]
    return {row["text_hash"]: np.array(row["vector"]) for row in rows}


def test_a_worker_makes_the_dense_vectors_that_the_cluster_makes_or_none(
    plain_cluster: Cluster, tmp_path: Path, minilm: Path
) -> None:
    plans = {run_on: planned(plain_cluster, tmp_path / run_on, minilm, run_on) for run_on in ("cluster", "worker")}
    assert plans["cluster"].fingerprint == plans["worker"].fingerprint
    with deployed(plain_cluster, minilm) as model_id:
        there = encoded(plain_cluster, plans["cluster"], model_id)
        if not onnxruntime.__version__.startswith(THE_CLUSTERS):
            with pytest.raises(ModelError, match=r"CPU, in batches: differs by .*CPU, text by text: differs by"):
                encoded(plain_cluster, plans["worker"], model_id)
            return
        here = encoded(plain_cluster, plans["worker"], model_id)
    assert here.keys() == there.keys()
    assert max(float(1 - here[each] @ there[each]) for each in here) < 1e-5
