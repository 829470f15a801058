"""Three vector fields, each with an encoder of its own, on the real server: built in one run, reused and encoded apart.

Two have the model that the run registers, with and without pruning, one a model that is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from build_plans import make_plan as bare_plan
from ml_verbs import deployed, registered
from real_builds import real_config
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.live.meta import read_meta
from sparse_index.ml import verbs
from sparse_index.pipeline import Run, run
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration
ALIAS = "vector-fields-test"
BODIES = ["the screen is cracked", "refund my order", "login fails", "parcel is late"]
ROWS = [{"id": f"t{number}", "title": f"ticket {number}", "body": body} for number, body in enumerate(BODIES * 3)]


@pytest.fixture(scope="module")
def models(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """A model that is there already, and the file of the one that each run registers."""
    setting = {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}
    plain_cluster.put("/_cluster/settings", {"persistent": setting})
    config = real_config("vector-fields-models", tmp_path_factory.mktemp("models"))
    group = bare_plan(config).group
    model_id = deployed(plain_cluster, registered(plain_cluster, config.encoder, group))
    yield [config.encoder.model.model_dump(), {"source": "model_id", "model_id": model_id}]
    verbs.remove_group(plain_cluster, group)


@pytest.fixture
def folder(tmp_path: Path, plain_cluster: Cluster) -> Iterator[Path]:
    (tmp_path / "corpus").mkdir()
    yield tmp_path
    plain_cluster.delete(f"/{ALIAS}--b*")


def config_with(folder: Path, models: list[dict[str, Any]], pruned_to: int) -> CorpusConfig:
    ours, theirs = models
    pruned = {"model": ours, "pruning": {"type": "top_k", "value": pruned_to}}
    encoders = {"whole": {"model": ours}, "pruned": pruned, "theirs": {"model": theirs}}
    return CorpusConfig.model_validate(
        {
            "alias": ALIAS,
            "store": str(folder / "store"),
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
            "vectors": {name: {"kind": "sparse", "encoder": encoder} for name, encoder in encoders.items()},
            "index": {"replicas": 0},
        }
    )


def built(cluster: Cluster, config: CorpusConfig, rows: list[dict[str, Any]]) -> Run:
    pq.write_table(pa.Table.from_pylist(rows), Path(config.source.uri) / "a.parquet", row_group_size=5)
    return run(cluster, config, Store(config.store), RunRequest(run_id="test", data_date=date(2026, 1, 2)))


def documents(cluster: Cluster) -> dict[str, dict[str, Any]]:
    hits = cluster.post(f"/{ALIAS}/_search", {"size": 100, "query": {"match_all": {}}})["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def hits(cluster: Cluster, field: str, token: str) -> list[str]:
    query = {"neural_sparse": {field: {"query_tokens": {token: 1.0}}}}
    return [hit["_id"] for hit in cluster.post(f"/{ALIAS}/_search", {"size": 100, "query": query})["hits"]["hits"]]


def to_encode(found: Run) -> dict[str, int]:
    return {name: field.texts_to_encode for name, field in found.plan.counts.fields.items()}


def test_fields_are_built_in_one_run_and_each_follows_its_own_encoder(
    plain_cluster: Cluster, folder: Path, models: list[dict[str, Any]]
) -> None:
    config = config_with(folder, models, pruned_to=2)
    first = built(plain_cluster, config, ROWS)
    assert first.receipt["outcome"] == "promoted"
    assert to_encode(first) == dict.fromkeys(("whole", "pruned", "theirs"), len(ROWS))
    assert len(set(first.plan.fingerprints.values())) == 3
    for document in documents(plain_cluster).values():
        strongest = sorted(document["whole"], key=lambda token: (-document["whole"][token], token))[:2]
        assert document["theirs"] == document["whole"]
        assert document["pruned"] == {token: document["whole"][token] for token in strongest}
    assert set(hits(plain_cluster, "whole", "cracked")) >= {"t0", "t4", "t8"}
    meta = read_meta(plain_cluster, first.plan.candidate)
    assert meta is not None
    assert meta.fingerprints == first.plan.fingerprints

    changed = [{**ROWS[0], "body": "the display is shattered"}, *ROWS[1:]]
    second = built(plain_cluster, config, changed)
    assert (second.receipt["outcome"], second.plan.kind) == ("promoted", BuildKind.DELTA)
    assert to_encode(second) == {"whole": 1, "pruned": 1, "theirs": 1}
    assert "shattered" in documents(plain_cluster)["t0"]["whole"]

    third = built(plain_cluster, config_with(folder, models, pruned_to=3), changed)
    assert (third.receipt["outcome"], third.plan.kind) == ("promoted", BuildKind.FULL)
    assert third.plan.reasons == ["the encoder changed"]
    assert to_encode(third) == {"whole": 0, "pruned": len(ROWS), "theirs": 0}
    assert third.plan.fingerprints["whole"] == first.plan.fingerprints["whole"]
    assert max(len(document["pruned"]) for document in documents(plain_cluster).values()) == 3
    assert (
        built(plain_cluster, config_with(folder, models, pruned_to=3), changed).receipt["outcome"] == "nothing_changed"
    )
