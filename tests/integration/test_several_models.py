"""A sparse and a dense field whose models the run registers itself, on the real server: one run, killed and resumed too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.model_server import TOY_MODELS
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.encoder_record import ENCODER
from sparse_index.ml.build_models import build_models, deployed, remove
from sparse_index.ml.groups import find_group, marked_groups, models_in_group
from sparse_index.names import group_name
from sparse_index.pipeline import Run, run
from sparse_index.store.files import Store
from sparse_index.store.layout import encoder_path

pytestmark = pytest.mark.integration
ALIAS = "several-models-test"
BODIES = ["the screen is shattered", "give me my money back", "the login fails", "the parcel is late"]
ROWS = [{"id": f"t{number}", "title": f"refund {number}", "body": body} for number, body in enumerate(BODIES)]


@pytest.fixture
def folder(tmp_path: Path, plain_cluster: Cluster) -> Iterator[Path]:
    setting = {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}
    plain_cluster.put("/_cluster/settings", {"persistent": setting})
    (tmp_path / "corpus").mkdir()
    yield tmp_path
    plain_cluster.delete(f"/{ALIAS}--b*")


def packed(kind: str) -> dict[str, Any]:
    folder = TOY_MODELS / kind
    card = json.loads((folder / "config.json").read_text())
    named = {name: card[name] for name in ("name", "version", "model_format")}
    body = {"model_config_body": card["model_config"]} if "model_config" in card else {}
    return {"source": "file", "path": str(folder / "model.zip"), **named, **body}


def config_with(folder: Path, *, pruned_to: int = 1) -> CorpusConfig:
    sparse, dense = packed("sparse"), packed("dense")
    pruning = {"type": "top_k", "value": pruned_to}
    return CorpusConfig.model_validate(
        {
            "alias": ALIAS,
            "store": str(folder / "store"),
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{body}"},
            "vectors": {
                "whole": {"kind": "sparse", "encoder": {"model": sparse}},
                "numbers": {"kind": "dense", "dimension": 64, "encoder": {"model": dense}},
                "pruned": {"kind": "sparse", "encoder": {"model": sparse, "pruning": pruning}},
                "titles": {"kind": "sparse", "encoder": {"model": sparse}, "text": "{title}"},
            },
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1},
        }
    )


def built(cluster: Cluster, config: CorpusConfig, rows: list[dict[str, Any]]) -> Run:
    pq.write_table(pa.Table.from_pylist(rows), Path(config.source.uri) / "a.parquet")
    request = RunRequest(run_id="test", data_date=date(2026, 1, 2))
    return run(cluster, config, Store(config.store), request)


def registered(cluster: Cluster, group: str) -> dict[str, str]:
    """Name -> state of the models in a group."""
    group_id = find_group(cluster, group)
    models = models_in_group(cluster, group_id) if group_id else {}
    return {model["name"]: model["model_state"] for model in models.values()}


def test_a_run_registers_the_models_of_all_its_fields_and_removes_them(plain_cluster: Cluster, folder: Path) -> None:
    first = built(plain_cluster, config_with(folder), ROWS)
    assert first.receipt["outcome"] == "promoted"
    assert marked_groups(plain_cluster, ALIAS) == []
    hits = plain_cluster.post(f"/{ALIAS}/_search", {"size": 100})["hits"]["hits"]
    for document in (hit["_source"] for hit in hits):
        assert len(document["numbers"]) == 64
        assert len(document["pruned"]) == 1 < len(document["whole"])
        assert "refund" in document["titles"]
    assert first.plan.fingerprints["titles"] == first.plan.fingerprints["whole"], "one encoder, two templates"

    store = Store(config_with(folder).store)
    records = {name: ENCODER.load(store, encoder_path(one)) for name, one in first.plan.fingerprints.items()}
    assert (records["numbers"].dimension, records["whole"].dimension) == (64, None)
    assert all((record.largest_weight or 0) > 0 for record in records.values())

    second = built(plain_cluster, config_with(folder, pruned_to=2), ROWS)
    assert (second.receipt["outcome"], len(second.plan.encoders)) == ("promoted", 1)
    assert second.plan.encoders.keys() == {second.plan.fingerprints["pruned"]}


def test_a_killed_registration_is_resumed_and_no_model_is_there_twice(plain_cluster: Cluster, folder: Path) -> None:
    fields = config_with(folder).vector_fields
    group = group_name(ALIAS, f"20260101T000000-{uuid4().hex[:6]}")
    models = build_models(group, fields)
    models.only(["whole"]).register(plain_cluster, models.create_group(plain_cluster))
    ids = deployed(plain_cluster, models)
    assert ids["whole"] == ids["pruned"] == ids["titles"] != ids["numbers"]
    assert registered(plain_cluster, group) == {"toy-sparse": "DEPLOYED", "toy-dense": "DEPLOYED"}
    assert deployed(plain_cluster, models) == ids, "a second attempt adopts what is there"
    assert len(remove(plain_cluster, models).deleted) == 2
    assert models.remains(plain_cluster) == []
