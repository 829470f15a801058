"""A kind of vectors is a value: one that only the tests have goes through files, join, document, mapping and gate, and no
stage of the core is changed for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from fake_opensearch import fake_cluster
from kinds_of_vectors import DIMENSION, FOUR_NUMBERS, SPARSE
from plan_help import config_at, planned, row, schema_of, write
from sparse_index.builds.plan import Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import Pruning
from sparse_index.config.vectors import TokenIndex
from sparse_index.creation.mapping import index_body, index_mapping
from sparse_index.encode.predict import Predictor
from sparse_index.errors import BuildError
from sparse_index.gate.gate import gate
from sparse_index.index.documents import PartWrites
from sparse_index.live.meta import meta_of
from sparse_index.operations.sightings import view_store
from sparse_index.preflight.connection import ML_PLUGIN, check_plugins
from sparse_index.preflight.findings import Findings
from sparse_index.store.files import Store
from sparse_index.store.layout import vectors_folder
from sparse_index.store.sql import connect, copy_to, parquet
from sparse_index.timing import utc_now
from sparse_index.vectors import kinds
from sparse_index.vectors.compaction import compact, compactions, drop_sources
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.sparse_vector import sparse_vector_kind

ROWS = 40
CORE = Path(kinds.__file__).parents[1]


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a corpus file calls sparse is of the made-up kind."""
    monkeypatch.setattr(kinds, "KINDS", {"sparse": lambda field: FOUR_NUMBERS})


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    write(tmp_path / "corpus", [row(number, body=f"body {number}") for number in range(ROWS)])
    return config_at(tmp_path)


def numbers_of(text_hash: str) -> list[float]:
    return [1 + int(text_hash[place], 16) / 16 for place in range(DIMENSION)]


def predicted(_method: str, path: str, body: Any) -> Any:
    assert path == "/_plugins/_ml/_predict/text_embedding/m1"
    assert body["return_number"] is True
    return {"inference_results": [{"output": [{"data": numbers_of(text)}]} for text in body["text_docs"]]}


def encoded(store: Store, plan: Plan) -> None:
    """A model's answers become chunks, those the file of a part; as many parts as there are texts."""
    ask = Predictor(fake_cluster(predicted), "m1", FOUR_NUMBERS, 1.0)
    hashes = store.read_table(plan.encode_parts[0].path).column("text_hash").to_pylist()
    for number, text_hash in enumerate(hashes):
        (output,) = ask([text_hash])
        vector = FOUR_NUMBERS.vector(output)
        files = PartFiles(store, plan.fingerprint, plan.build_id, number)
        files.write_chunk(FOUR_NUMBERS.table({text_hash: vector}))
        files.merge(1)


def compacted(store: Store, plan: Plan) -> None:
    seen = view_store(store, datetime.now(UTC))
    (merge,) = compactions(seen.vectors, seen.markers)
    compact(store, merge)
    drop_sources(store, merge)
    assert store.files(vectors_folder(plan.fingerprint)) == [merge.target]
    assert store.schema(merge.target).field("numbers").type == FOUR_NUMBERS.columns.field("numbers").type


def documents(store: Store, plan: Plan) -> dict[str, Any]:
    found = PartWrites(store, plan, plan.index_parts[0], utc_now)
    return {write.id: orjson.loads(write.document) for write in found}


def test_it_is_kept_merged_compacted_and_put_into_documents(config: CorpusConfig) -> None:
    store, plan = Store(config.store), planned(config)
    encoded(store, plan)
    before = documents(store, plan)
    compacted(store, plan)
    assert documents(store, plan) == before
    hash_of = {line["id"]: line["text_hash"] for line in store.read_table(plan.manifest).to_pylist()}
    assert {name: document["text_sparse"] for name, document in before.items()} == {
        name: numbers_of(text_hash) for name, text_hash in hash_of.items()
    }


def test_it_says_how_its_field_is_mapped(config: CorpusConfig) -> None:
    plan = planned(config)
    assert plan.mapping is not None
    assert plan.mapping == index_mapping(config, schema_of(config))
    assert plan.mapping["properties"]["text_sparse"] == FOUR_NUMBERS.mapping
    assert index_body(config, plan.mapping, meta_of(plan), plan.write_alias)["settings"]["index.knn"] == "true"


@pytest.mark.parametrize("without", ["", "d3"])
def test_the_gate_looks_at_it(config: CorpusConfig, without: str) -> None:
    store, plan = Store(config.store), planned(config)
    encoded(store, plan)
    with connect(store) as con:
        copy_to(con, store, f"FROM {parquet(store, [plan.manifest])}", f"{plan.folder}/manifest-final.parquet")
    sources = documents(store, plan) | ({without: {}} if without else {})
    meta = meta_of(plan).model_copy(update={"documents": len(sources)}).model_dump(mode="json")

    def answer(_method: str, path: str, body: Any) -> Any:
        if path.endswith("/_search"):
            wanted = body.get("query", {}).get("ids", {}).get("values", list(sources))
            hits = [{"_id": name, "_score": 1.0, "_source": sources[name]} for name in wanted]
            return {"took": 1, "hits": {"total": {"value": len(hits)}, "hits": hits}}
        return {plan.candidate: {"mappings": {"_meta": {"sparse_index": meta}}, "settings": {}, "aliases": {}}}

    if without:
        with pytest.raises(
            BuildError, match=rf"stored vectors: 1 of {ROWS} .* d3 has a text but no vector in text_sparse"
        ):
            gate(fake_cluster(answer), store, plan)
    else:
        assert gate(fake_cluster(answer), store, plan).tokens_median == DIMENSION


def test_it_names_the_plugin_that_it_needs(config: CorpusConfig) -> None:
    findings = Findings()
    check_plugins(findings, {ML_PLUGIN: []}, config)
    assert "opensearch-knn is not installed on any node, so no index with vectors.text_sparse can be made" in str(
        findings.problems[0]
    )


def test_kinds_have_nothing_in_common_but_the_texts_hash() -> None:
    columns = [set(kind.table({}).schema.names) for kind in (SPARSE, FOUR_NUMBERS)]
    assert set.intersection(*columns) == {"text_hash"}


def test_what_is_said_to_a_cluster_about_a_kind_stands_in_its_module_alone() -> None:
    dense = dense_kind(DIMENSION, "l2")
    clusters = sparse_vector_kind(Pruning(), TokenIndex(type="sparse_vector"))
    words = {
        "vectors/sparse_vector.py": tuple(clusters.index_settings),
        # Not the type of its field: a corpus file says that too.
        "vectors/sparse.py": (SPARSE.function, SPARSE.query_word, SPARSE.query_plugin),
        "vectors/dense.py": (dense.function, dense.query_plugin, dense.mapping["type"], *dense.index_settings),
    }
    code = {path.relative_to(CORE): path.read_text(encoding="utf-8") for path in CORE.rglob("*.py")}
    for module, word in ((module, word) for module, several in words.items() for word in several):
        assert [str(path) for path, text in code.items() if f'"{word}"' in text] == [module], word
