"""Exact scores of documents from the store, whatever texts they have in a field and however often a text was encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from fake_opensearch import fake_cluster
from plan_help import config_at, live_cluster, planned, row, write
from sparse_index.books.final_manifest import write_final_manifest
from sparse_index.builds.check import Check, Verdict
from sparse_index.builds.plan import Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.encode.source_texts import iter_texts
from sparse_index.gate.recall import recall_checks
from sparse_index.relevance.golden import GoldenQuery, write_queries
from sparse_index.store.files import Store
from sparse_index.vectors.kinds import vector_kind

MODEL = Path(__file__).parents[3] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
BODIES = ["I want my money back. " * 4, "My parcel did not arrive. " * 4, "It came late and broken. " * 4]
ROWS = [
    row(number, body="\n\n".join(BODIES[place % 3] + f"No. {number * 7 + place}." for place in range(1 + number % 3)))
    for number in range(30)
]


def config(folder: Path, **field: Any) -> CorpusConfig:
    """A dense field; the model is there for its tokenizer only."""
    body = {"embedding_dimension": 4}
    model = {"source": "file", "name": "toy", "version": "1", "path": str(MODEL), "model_config_body": body}
    dense = {"kind": "dense", "dimension": 4, "encoder": {"model": model}} | field
    single = config_at(folder).model_dump(exclude={"encoder", "index", "vectors"})
    source = {"source": single["source"] | {"text_template": "{body}"}}
    return CorpusConfig.model_validate(single | {"vectors": {"v": dense}} | source)


def numbers(text: str) -> list[float]:
    found: list[float] = np.random.default_rng(crc32(text.encode())).normal(size=4).tolist()
    return found


def built(corpus: CorpusConfig, times: int = 1) -> tuple[Plan, dict[str, list[list[float]]]]:
    """A plan whose texts were encoded by so many builds, and the vectors of each document."""
    store, plan = Store(corpus.store), planned(corpus, cluster=live_cluster(corpus, None))
    texts = {text.text_hash: text.text for part in plan.encode_parts for text in iter_texts(store, plan, part)}
    kind = vector_kind(corpus.first_field)
    table = kind.table({text_hash: (numbers(text),) for text_hash, text in texts.items()})
    for number in range(times):
        store.write_table(f"vectors/{plan.fingerprint}/build{number}-p00000.parquet", table)
    write_final_manifest(store, plan, [])
    rows = store.read_table(plan.manifest).to_pylist()
    own = corpus.first_field.has_own_texts
    hashes = {
        each["id"]: [one["text_hash"] for one in dict(each["passages"])["v"]] if own else [each["text_hash"]]
        for each in rows
    }
    return plan, {name: [numbers(texts[one]) for one in several] for name, several in hashes.items()}


def checked(corpus: CorpusConfig, plan: Plan, documents: dict[str, list[list[float]]], lost: int = 0) -> Check:
    """Against a cluster that finds all but the `lost` best documents."""

    def answer(method: str, path: str, body: Any) -> Any:
        query = body["query"].get("nested", body)["query"]
        asked = np.array(next(iter(query["knn"].values()))["vector"])
        scores = {name: max(_cosine(asked, np.array(each)) for each in of) for name, of in documents.items()}
        best = sorted(scores, key=lambda name: -scores[name])
        return {"hits": {"hits": [{"_id": name} for name in best[lost : lost + 10]]}}

    (check,) = recall_checks(fake_cluster(answer), Store(corpus.store), plan)
    return check


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize(
    "field", [{}, {"text": "{title}"}, {"long_texts": "passages", "passages": {"tokens": 30, "overlap": 6}}]
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_cluster_that_finds_the_best_documents_passes(tmp_path: Path, field: dict[str, Any], times: int) -> None:
    write(tmp_path / "corpus", ROWS)
    corpus = config(tmp_path, **field)
    plan, documents = built(corpus, times)
    found = checked(corpus, plan, documents)
    assert (found.verdict, found.value) == (Verdict.PASS, 1.0)
    missed = checked(corpus, plan, documents, lost=3)
    assert missed.verdict is Verdict.FAIL
    assert missed.value == pytest.approx(0.7)


def test_where_any_recall_will_do_no_vector_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "corpus", ROWS[:3])
    corpus = config(tmp_path)
    corpus = corpus.model_copy(update={"gate": corpus.gate.model_copy(update={"min_recall": 0})})
    plan, documents = built(corpus)
    monkeypatch.setattr("sparse_index.relevance.exact.connect", lambda *_: pytest.fail("it reads"))
    assert checked(corpus, plan, documents, lost=3).verdict is Verdict.SKIPPED


def test_golden_queries_are_left_where_each_run_deletes_the_model_that_would_encode_them(tmp_path: Path) -> None:
    write(tmp_path / "corpus", ROWS)
    write_queries(tmp_path / "golden" / "queries.jsonl", [GoldenQuery(id="q1", text="words", must=("d1",))])
    corpus = config(tmp_path)
    gate = corpus.gate.model_copy(update={"golden": str(tmp_path / "golden")})
    search = corpus.search.model_copy(update={"mode": SearchMode.BM25})
    corpus = corpus.model_copy(update={"gate": gate, "search": search})
    found = checked(corpus, *built(corpus))
    assert (found.verdict, found.value) == (Verdict.PASS, 1.0)
    assert "queries like its documents" in found.words
