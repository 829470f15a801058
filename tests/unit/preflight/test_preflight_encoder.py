"""Which states of a model that is not ours let a build begin."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from sparse_index.preflight.encoder import check_model
from sparse_index.preflight.findings import Findings


@pytest.mark.parametrize(
    ("state", "problems"),
    [("DEPLOYED", 0), ("PARTIALLY_DEPLOYED", 0), ("DEPLOYING", 0), ("REGISTERED", 1), ("UNDEPLOYED", 1)],
)
def test_a_model_that_answers_or_soon_will_is_enough(state: str, problems: int) -> None:
    def answer(method: str, path: str, _: Any) -> dict[str, str]:
        assert (method, path) == ("GET", "/_plugins/_ml/models/m1")
        return {"algorithm": "SPARSE_ENCODING", "model_state": state}

    findings = Findings()
    config = corpus_config("things", "store", encoder={"model": {"source": "model_id", "model_id": "m1"}})
    check_model(findings, fake_cluster(answer), config)
    assert len(findings.problems) == problems
