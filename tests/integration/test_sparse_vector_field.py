"""Weighted tokens in sparse_vector fields, on the real server: gone over to without encoding, exact and filtered rightly below
the threshold, measured and refused above it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.model_server import TOY_MODELS
from kinds_of_vectors import SPARSE
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import Pruning
from sparse_index.config.search import SearchConfig, SearchMode
from sparse_index.config.vectors import TokenIndex
from sparse_index.creation.trial import try_vectors
from sparse_index.errors import BuildError
from sparse_index.index.fitted import outgrown_fields
from sparse_index.live.alias import observe_alias
from sparse_index.ml.vocabulary import knowing_kind
from sparse_index.pipeline import Run, make_plan, run
from sparse_index.query.answer import Via
from sparse_index.query.search import search
from sparse_index.relevance.golden import QUERIES, GoldenQuery, write_queries
from sparse_index.store.files import Store
from sparse_index.timing import utc_now
from sparse_index.vectors.kind import Asked
from sparse_index.vectors.sparse import SparseVector
from sparse_index.vectors.sparse_vector import sparse_vector_kind

pytestmark = pytest.mark.integration
ALIAS = "sparse-vector-test"
MODEL = {"source": "file", "name": "toy", "version": "1", "path": str(TOY_MODELS / "sparse" / "model.zip")}
THINGS = ["screen", "fridge", "phone", "parcel", "invoice", "login", "battery", "printer", "sofa", "lamp"]
PROBLEMS = ["is cracked", "is too loud", "does not work", "is late", "was charged twice", "fails", "leaks", "smells"]
WISHES = ["money back", "another one", "a repair"]
ROWS = [
    {"id": f"{thing}-{problem}-{wish}", "body": f"the {thing} {problem}, I want {wish}", "shop": shop}
    for thing in THINGS
    for problem in PROBLEMS
    for shop, wish in enumerate(WISHES)
]
SMALL = (7, 5, 32_767)
# Every segment is approximate, and each token finds one document.
BLIND = {"type": "sparse_vector", "approximate_threshold": 1, "n_postings": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, plain_cluster: Cluster) -> Iterator[Path]:
    setting = {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}
    plain_cluster.put("/_cluster/settings", {"persistent": setting})
    folder = tmp_path_factory.mktemp("sparse-vector")
    (folder / "corpus").mkdir()
    yield folder
    plain_cluster.delete(f"/{ALIAS}--b*")


def config_with(folder: Path, index: Any, **gate: Any) -> CorpusConfig:
    return CorpusConfig.model_validate(
        {
            "alias": ALIAS,
            "store": str(folder / "store"),
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{body}"},
            "vectors": {"words": {"kind": "sparse", "index": index, "encoder": {"model": MODEL}}},
            "index": {"replicas": 0},
            "limits": {"max_changed_share": 1},
            "gate": gate,
        }
    )


def built(cluster: Cluster, config: CorpusConfig, rows: list[dict[str, Any]] = ROWS) -> Run:
    pq.write_table(pa.Table.from_pylist(rows), Path(config.source.uri) / "a.parquet")
    return run(cluster, config, Store(config.store), RunRequest(run_id="test", data_date=date(2026, 1, 2)))


def found(cluster: Cluster, config: CorpusConfig, done: Run, asked: Asked) -> dict[str, float]:
    kind = knowing_kind(Store(config.store), config.first_field, done.plan.fingerprint)
    query = kind.clause("words", {"screen": 1.0, "cracked": 1.0, "money": 0.5}, asked)
    body = {"size": asked.candidates, "_source": False, "query": query}
    return {hit["_id"]: hit["_score"] for hit in cluster.post(f"/{ALIAS}/_search", body)["hits"]["hits"]}


def test_going_over_and_back_encodes_nothing_and_changes_no_answer(plain_cluster: Cluster, folder: Path) -> None:
    words, ids = config_with(folder, "rank_features"), config_with(folder, "sparse_vector")
    asked = [Asked(30), Asked(5, [{"term": {"shop": 2}}]), Asked(30, [{"term": {"shop": 2}}])]
    first = built(plain_cluster, words)
    before = [found(plain_cluster, words, first, each) for each in asked]
    assert [len(each) for each in before] == [30, 5, 17]

    over = built(plain_cluster, ids)
    assert (over.plan.kind, over.plan.counts.texts_to_encode) == (BuildKind.FULL, 0)
    assert over.receipt["outcome"] == "promoted"
    mapping = plain_cluster.get(f"/{over.plan.candidate}/_mapping")[over.plan.candidate]["mappings"]["properties"]
    parameters = mapping["words"]["method"]["parameters"]
    assert parameters["approximate_threshold"] == 1_000_000
    assert 0 < parameters["quantization_ceiling_ingest"] < 50
    for each, known in zip(asked, before, strict=True):
        now = found(plain_cluster, ids, over, each)
        assert sorted(now.values()) == pytest.approx(sorted(known.values()), abs=1e-5)

    answer = search(plain_cluster, ids, "screen cracked", size=30, filters=["shop=2"], explain=True)
    assert [hit.source["shop"] for hit in answer.hits] == [2] * len(answer.hits)
    assert {"screen", "cracked"} <= answer.hits[0].matched.keys()
    both = ids.model_copy(update={"search": SearchConfig(sides=("bm25", "words"))})
    by_both = [
        search(plain_cluster, both, "screen cracked", mode=SearchMode.HYBRID, filters=["shop=2"], via=via).hits
        for via in (Via.SERVER, Via.CLIENT)
    ]
    server, client = ({hit.id: hit.score for hit in hits} for hits in by_both)
    assert sorted(server.values()) == pytest.approx(sorted(client.values()), abs=1e-4)

    changed = [{**ROWS[0], "body": "the screen is cracked and I want my money back"}, *ROWS[1:]]
    delta = built(plain_cluster, ids, changed)
    assert (delta.plan.kind, delta.plan.counts.texts_to_encode) == (BuildKind.DELTA, 1)
    assert next(iter(found(plain_cluster, ids, delta, Asked(10)))) == ROWS[0]["id"]
    back = built(plain_cluster, words, changed)
    assert (back.plan.kind, back.plan.counts.texts_to_encode) == (BuildKind.FULL, 0)


def test_weights_above_the_ceiling_are_said_and_the_next_run_builds_anew_without_encoding(
    plain_cluster: Cluster, folder: Path
) -> None:
    config = config_with(folder, "sparse_vector")
    first, store = built(plain_cluster, config), Store(config.store)
    heavy = SPARSE.table({"0" * 32: SparseVector(("screen",), (60.0,))})
    changed = [{**ROWS[0], "body": "the lamp is cracked and I want my money"}, *ROWS[1:]]
    planned = make_plan(plain_cluster, config, store, RunRequest(run_id="test", data_date=date(2026, 1, 2)))
    assert planned.kind is BuildKind.NOTHING
    # As if this run had encoded it: the plan knows nothing of it yet.
    delta = first.plan.model_copy(update={"kind": BuildKind.DELTA, "live_index": first.plan.candidate})
    store.write_table(f"vectors/{first.plan.fingerprint}/20260101T000000-heavy0-p00000.parquet", heavy)
    (said,) = outgrown_fields(plain_cluster, store, delta)
    assert "weights go up to 60, and the live index counts all above" in said
    second = built(plain_cluster, config, changed)
    assert (second.plan.kind, second.plan.counts.texts_to_encode) == (BuildKind.FULL, 1)
    assert second.plan.reasons[0].startswith("words: weights go up to 60, and the live index counts all above")
    assert list(outgrown_fields(plain_cluster, store, second.plan)) == []


def test_an_index_that_misses_the_best_documents_does_not_go_live(plain_cluster: Cluster, folder: Path) -> None:
    live, golden = observe_alias(plain_cluster, ALIAS).index, folder / "golden"
    asked = [GoldenQuery(id=thing, text=f"money back for a {thing}", must=(ROWS[0]["id"],)) for thing in THINGS]
    write_queries(golden / QUERIES, asked)
    said = r"'words' finds \d.*% of the 10 best documents by .* \(10 golden queries\), gate.min_recall is 0.9"
    with pytest.raises(BuildError, match=said):
        built(plain_cluster, config_with(folder, BLIND, golden=str(golden)))
    assert observe_alias(plain_cluster, ALIAS).index == live


def test_a_vocabulary_that_this_version_mistakes_is_refused_before_anything_is_encoded(
    plain_cluster: Cluster, folder: Path
) -> None:
    config = config_with(folder, "sparse_vector")
    kind = sparse_vector_kind(Pruning(), TokenIndex(type="sparse_vector"))
    assert kind.with_ids is not None
    for largest in (32_768, 105_878):
        large = kind.with_ids({"a": largest}).trial
        assert large is not None
        said = try_vectors(plain_cluster, config, "words", large, utc_now())
        assert f"goes up to id {largest:,}, and OpenSearch up to 3.6 takes ids below 32,768 only" in said
        small = replace(
            large,
            vectors=[{str(token): 1.0} for token in SMALL],
            query=lambda field, number: {
                "neural_sparse": {field: {"query_tokens": {str(SMALL[number]): 1.0}, "method_parameters": {"k": 3}}}
            },
        )
        assert try_vectors(plain_cluster, config, "words", small, utc_now()) == "", "the trial itself can be passed"
    left = plain_cluster.get(f"/{ALIAS}--b*").keys() - observe_alias(plain_cluster, ALIAS).members
    assert all(plain_cluster.get(f"/{name}/_count")["count"] != len(SMALL) for name in left)
