"""Bad candidates with a dense field on the real server, each stopped by the check that is for it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from bad_candidates import Change, Scene, emptied, halved, scene_of, shuffled, verdicts
from demo.model_server import TOY_MODELS
from sparse_index.builds.check import failed
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.vectors.dense import DenseVector

pytestmark = pytest.mark.integration
FIELD, DIMENSION = "text_dense", 64
# Of which only the fingerprint is needed.
DENSE = TOY_MODELS / "dense"


def vector(text_hash: str) -> DenseVector:
    numbers = np.random.default_rng(int(text_hash[:8], 16)).normal(size=DIMENSION)
    return DenseVector(numbers.astype(np.float32))


@pytest.fixture(scope="module")
def scene(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("dense-gate")
    card = json.loads((DENSE / "config.json").read_text())
    named = {name: card[name] for name in ("name", "version", "model_format")}
    file = {"source": "file", "path": str(DENSE / "model.zip"), "model_config_body": card["model_config"]}
    config = CorpusConfig.model_validate(
        {
            "alias": "dense-gate-test",
            "store": str(folder / "store"),
            "source": {"uri": str(folder / "corpus.parquet"), "id_column": "id", "text_template": "{title}. {body}"},
            "vectors": {FIELD: {"kind": "dense", "dimension": DIMENSION, "encoder": {"model": named | file}}},
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1, "max_deleted_share": 1, "max_empty_share": 0.05},
        }
    )
    with scene_of(plain_cluster, config, vector) as found:
        yield found


def test_what_a_delta_build_made_is_good(scene: Scene) -> None:
    checks = scene.checks(scene.plan.candidate)
    assert failed(checks) == []
    looked = {"counts", "stored vectors", "drift", "unchanged documents", "top 10"}
    assert {name for name, verdict in verdicts(checks).items() if verdict == "pass"} >= looked


@pytest.mark.parametrize(
    ("name", "change", "by"),
    [
        ("shuffled-all", shuffled(1, FIELD), {"stored vectors", "unchanged documents", "top 10"}),
        ("shuffled-1", shuffled(100, FIELD), {"stored vectors"}),
        ("emptied", emptied(FIELD), {"stored vectors", "drift"}),
        ("halved", halved, {"counts", "top 10"}),
    ],
)
def test_a_bad_candidate_is_stopped_by_the_checks_for_it(scene: Scene, name: str, change: Change, by: set[str]) -> None:
    assert by <= {check.name for check in failed(scene.bad(name, change))}
