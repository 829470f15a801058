"""The tuner on the real server: forty documents whose vectors say what their words do not, and carry more than they need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from real_builds import built, planned, real_config, rows, write_corpus
from searched import toy_models
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.query.encoding import NOTHING_GIVEN
from sparse_index.relevance.golden import GoldenQuery, read_golden, write_queries
from sparse_index.relevance.tune import tune
from sparse_index.store.files import Store
from sparse_index.vectors.sparse import SparseVector

pytestmark = pytest.mark.integration
ALIAS = "tune-test"
DOCUMENTS, QUERIES = 40, 24
PRUNING = '  encoder.pruning: {"type":"max_ratio","value":0.3}'


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    golden = tmp_path / "golden"
    queries = [GoldenQuery(id=f"q{n}", text=f"secret{n}") for n in range(QUERIES)]
    filtered = GoldenQuery(id="filtered", text="secret1", filters=("id=d1",))
    write_queries(golden / "queries.jsonl", [*queries, filtered])
    (golden / "qrels.txt").write_text("".join(f"q{n} 0 d{n} 1\n" for n in range(QUERIES)) + "filtered 0 d1 1\n")
    config = real_config(ALIAS, tmp_path, gate={"golden": str(golden), "min_ndcg": 0.9, "undecided": "pass"})
    write_corpus(config, rows(DOCUMENTS))
    plan = planned(plain_cluster, config)
    manifest = Store(config.store).read_table(plan.manifest, ["id", "text_hash"]).to_pylist()
    numbers = {row["text_hash"]: row["id"][1:] for row in manifest}

    def vector(text_hash: str) -> SparseVector:
        """What is searched, and noise that pruning takes away."""
        return SparseVector((f"secret{numbers[text_hash]}", "noise", "more"), (2.0, 0.5, 0.05))

    built(plain_cluster, config, plan, vector=vector)
    yield config
    plain_cluster.delete(f"/{ALIAS}--b*")


def test_what_costs_less_and_answers_as_well_is_said_and_nothing_is_changed(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    assert config.gate.golden is not None
    before = plain_cluster.get(f"/{ALIAS}/_mapping")
    golden = read_golden(Path(config.gate.golden))
    lines = list(tune(plain_cluster, config, Store(config.store), golden, NOTHING_GIVEN))
    assert lines[0] == "1 queries with filters are left out: exact scores of all documents know none."
    pruning = row(lines, "text_sparse max_ratio 0.3")
    assert pruning[3:9] == ["1.000", "1.000", "1.0", "tokens,", "33%", "<-"]
    assert row(lines, "bm25 alone")[2:4] == ["0.000", "0.000"]
    assert row(lines, "text_sparse alone")[2:4] == ["1.000", "1.000"]
    assert changes_of(lines) == [PRUNING]
    assert plain_cluster.get(f"/{ALIAS}/_mapping") == before


def row(lines: list[str], name: str) -> list[Any]:
    return next(line.split() for line in lines if line.startswith(f"  {name} "))


def test_a_re_ranker_is_tried_on_what_is_chosen_and_the_mode_is_said_once(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    golden = read_golden(Path(str(config.gate.golden)))
    with toy_models(plain_cluster) as models:
        lines, wrong = (
            list(tune(plain_cluster, re_ranking(config, each, "rerank"), Store(config.store), golden, NOTHING_GIVEN))
            for each in (models.cross, models.sparse)
        )
    assert row(lines, "bm25 + text_sparse, rrf, 50 each")[-3:] == ["as", "it", "is"]
    assert any(line.startswith("Re-ranker, of text_sparse alone (nDCG@10") for line in lines)
    for mode in ("sparse", "rerank"):
        assert row(lines, f"mode {mode}")[4] == "p50"
    assert changes_of(lines) == [PRUNING, '  search.mode: "sparse"'], "all answers are right without it"
    assert any(line.startswith("The re-ranker is left out: Model") for line in wrong)
    assert changes_of(wrong) == [PRUNING, '  search.sides: ["text_sparse"]'], "it is not switched off unmeasured"


def changes_of(lines: list[str]) -> list[str]:
    return lines[lines.index("Change in the corpus file (nothing was changed):") + 1 :]


def re_ranking(config: CorpusConfig, model_id: str, mode: str | None = None) -> CorpusConfig:
    rerank = {"model": {"source": "model_id", "model_id": model_id}, "depth": 5}
    search = {"mode": mode, "sides": ["bm25", "text_sparse"], "rerank": rerank}
    return CorpusConfig.model_validate(config.model_dump() | {"search": search})


def test_a_corpus_whose_words_are_not_indexed_is_tuned_without_them(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    dumped = re_ranking(config, "no model").model_dump()
    silent = CorpusConfig.model_validate(dumped | {"source": dumped["source"] | {"columns": ["id"]}})
    golden = read_golden(Path(str(config.gate.golden)))
    lines = list(tune(plain_cluster, silent, Store(silent.store), golden, NOTHING_GIVEN))
    assert lines[1] == "bm25 is left out: no column of source.text_template is indexed (source.columns)."
    assert row(lines, "text_sparse alone")[2:4] == ["1.000", "1.000"]
    assert not any("bm25 alone" in line or "e-ranker" in line for line in lines)


def test_a_field_whose_vectors_are_made_of_several_is_left_out_and_said(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    dumped = config.model_dump()
    field = {"kind": "sparse", "long_texts": "max", "encoder": dumped["encoder"]}
    own = CorpusConfig.model_validate(dumped | {"vectors": {"text_sparse": field}})
    golden = read_golden(Path(str(config.gate.golden)))
    lines = list(tune(plain_cluster, own, Store(own.store), golden, NOTHING_GIVEN))
    assert lines[1] == (
        "text_sparse is left out: of its passages' vectors (`long_texts: max`) the store has each by itself, not the one that "
        "the index holds."
    )
    assert lines[-2:] == [
        "What is asked now is among what was left out: there is nothing to compare other ways with.",
        "Nothing to change.",
    ]
