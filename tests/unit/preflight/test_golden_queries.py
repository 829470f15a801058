"""Golden queries that nobody could ask of a candidate are named before it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config
from fake_models import FakeModels
from fake_opensearch import fake_cluster
from sparse_index.errors import UnavailableError
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.golden import check_golden
from sparse_index.relevance.golden import GoldenQuery, write_queries

SHA = "ab" * 32
OWN = {"model": {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": SHA}}
RERANK = {"model": {"source": "url", "name": "reader", "version": "1", "url": "http://h/r.zip", "sha256": SHA}}
BY_MODEL = {"query": {"text_sparse": "model"}}


@pytest.fixture
def gate(tmp_path: Path) -> dict[str, Any]:
    write_queries(tmp_path / "golden" / "queries.jsonl", [GoldenQuery(id="q1", text="words", must=("d1",))])
    return {"golden": str(tmp_path / "golden")}


def problems(models: FakeModels, **sections: Any) -> list[str]:
    findings = Findings()
    check_golden(findings, models.cluster, corpus_config("things", **sections))
    return [problem.message for problem in findings.problems]


def test_a_corpus_without_a_golden_set_is_asked_nothing() -> None:
    cluster = fake_cluster(lambda *asked: pytest.fail(f"the cluster was asked for {asked[:2]}"))
    check_golden(Findings(), cluster, corpus_config("things", encoder=OWN, search=BY_MODEL))


def test_a_folder_that_is_not_there() -> None:
    (said,) = problems(FakeModels(), gate={"golden": "/nowhere/golden"})
    assert said.startswith("/nowhere/golden (gate.golden) is not there on ")


def test_the_words_of_a_query_and_a_model_that_stays_can_be_asked(gate: dict[str, Any]) -> None:
    assert problems(FakeModels(), gate=gate, encoder=OWN) == []
    assert problems(FakeModels(), gate=gate, search=BY_MODEL) == []


def test_a_model_that_goes_with_each_run_encodes_none_unless_another_corpus_shares_it(gate: dict[str, Any]) -> None:
    models = FakeModels()
    (said,) = problems(models, gate=gate, encoder=OWN, search=BY_MODEL)
    assert said == (
        "gate.golden: its queries are asked in mode sparse, and each run deletes the model that would encode them for "
        "'text_sparse': set lifecycle: shared in its encoder, ask them in another search.mode, or leave gate.golden out."
    )
    assert problems(models, gate=gate, encoder=OWN, search=BY_MODEL | {"mode": "bm25"}) == []
    group = f"sparse-index-serving--splade--{SHA[:12]}"
    models.add("theirs", group, answers=True, name="splade", model_content_hash_value=SHA)
    assert problems(models, gate=gate, encoder=OWN, search=BY_MODEL) == []


def test_a_shared_model_that_is_deployed_again_is_waited_for(gate: dict[str, Any]) -> None:
    models = FakeModels()
    group = f"sparse-index-serving--splade--{SHA[:12]}"
    models.add("theirs", group, name="splade", model_content_hash_value=SHA, model_state="DEPLOYED")
    findings = Findings()
    check_golden(findings, models.cluster, corpus_config("things", gate=gate, encoder=OWN, search=BY_MODEL))
    (problem,) = findings.problems
    assert problem.error is UnavailableError
    assert "does not answer for now: model theirs is said to be deployed" in problem.message


def test_nobody_brings_the_tokens_of_golden_queries(gate: dict[str, Any]) -> None:
    (said,) = problems(FakeModels(), gate=gate, search={"query": {"text_sparse": "tokens"}})
    assert "a golden query brings no tokens for 'text_sparse': write model or analyzer in search.query" in said


def test_a_re_ranker_that_serving_has_not_made_yet(gate: dict[str, Any]) -> None:
    (said,) = problems(FakeModels(), gate=gate, search={"mode": "rerank", "rerank": RERANK})
    assert said.startswith("No model re-ranks for 'things': there is no pipeline")
    there = {"mode": "rerank", "rerank": {"model": {"source": "model_id", "model_id": "r1"}}}
    assert problems(FakeModels(), gate=gate, search=there) == []
