"""Fields that the cluster has not, and fields that we could not write, are named before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from build_plans import corpus_config
from demo.model_server import TOY_MODELS
from fake_opensearch import fake_cluster, http_error
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import Pruning
from sparse_index.config.vectors import TokenIndex
from sparse_index.creation import trial
from sparse_index.preflight.connection import ML_PLUGIN, check_plugins, installed_plugins
from sparse_index.preflight.fields import check_fields
from sparse_index.preflight.findings import Findings
from sparse_index.store.files import Store
from sparse_index.timing import utc_now
from sparse_index.vectors.sparse_vector import sparse_vector_kind

TOY = {"source": "file", "name": "m", "version": "1", "path": str(TOY_MODELS / "sparse" / "model.zip")}
CATALOGUE = {"source": "pretrained", "name": "m", "version": "1"}


def problems(folder: Path, version: str, model: dict[str, Any], index: str = "sparse_vector") -> list[str]:
    config = CorpusConfig.model_validate(
        {
            "alias": "things",
            "store": str(folder / "store"),
            "source": {"uri": "/lake/x", "id_column": "id", "text_template": "{title}"},
            "vectors": {"words": {"kind": "sparse", "index": index, "encoder": {"model": model}}},
        }
    )
    findings = Findings()
    cluster = fake_cluster(lambda *_: {"version": {"number": version}})
    check_fields(findings, cluster, Store(config.store), config)
    return [problem.message for problem in findings.problems]


@pytest.mark.parametrize("version", ["2.19.1", "3.2.0"])
def test_a_cluster_that_is_too_old(tmp_path: Path, version: str) -> None:
    (said,) = problems(tmp_path, version, TOY)
    assert said == (
        f"vectors.words: OpenSearch {version} has no sparse_vector fields, 3.3 and later have. Write `index: rank_features`, or "
        "upgrade the cluster."
    )


@pytest.mark.parametrize("version", ["3.3.0", "3.10.0-SNAPSHOT", "4.0.0"])
def test_a_cluster_that_has_them(tmp_path: Path, version: str) -> None:
    assert problems(tmp_path, version, TOY) == []


def test_a_model_whose_tokens_have_no_ids_here(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "3.6.0", CATALOGUE)
    assert "only the model's tokenizer knows" in said


def test_words_are_written_to_any_cluster(tmp_path: Path) -> None:
    assert problems(tmp_path, "2.19.1", CATALOGUE, "rank_features") == []


def test_a_plugin_that_several_fields_need_is_named_once() -> None:
    encoder = {"model": {"source": "model_id", "model_id": "m"}}
    fields = {name: {"kind": "dense", "dimension": 3, "encoder": encoder} for name in ("title", "body")}
    findings = Findings()
    check_plugins(findings, {ML_PLUGIN: []}, corpus_config("things", vectors=fields, encoder=encoder))
    (problem,) = findings.problems
    assert "so no index with vectors.title, vectors.body can be made" in str(problem)


def asked_for_plugins(**nodes: list[str]) -> list[str]:
    """What is wrong with a cluster of nodes with these plugins."""
    rows = [{"name": node, "component": plugin} for node, plugins in nodes.items() for plugin in plugins]
    findings = Findings()
    check_plugins(findings, installed_plugins(fake_cluster(lambda *_: rows)), corpus_config("things"))
    return [*(each.message for each in findings.problems), *findings.warnings]


def test_a_plugin_that_some_nodes_lack_is_told_with_these() -> None:
    both = [ML_PLUGIN, "opensearch-neural-search"]
    assert asked_for_plugins(n1=both, n2=both) == []
    models, queries = asked_for_plugins(n1=both, n2=["opensearch-knn"], n3=["opensearch-knn"])
    assert models.startswith(f"The plugin {ML_PLUGIN} is not installed on n2, n3, and models need it on every node.")
    assert queries.startswith("The plugin opensearch-neural-search is not installed on n2, n3: building works")
    nowhere, _ = asked_for_plugins(n1=["opensearch-knn"])
    assert nowhere.startswith(f"The plugin {ML_PLUGIN} is not installed on any node")


class Searching:
    """A cluster in which a query finds the documents that have its token by `same`. Keeps what it is left with."""

    def __init__(self, same: Callable[[int, int], bool]) -> None:
        self.same = same
        self.indices: set[str] = set()
        self.documents: list[int] = []

    def __call__(self, method: str, path: str, body: Any) -> Any:
        index = path[1:].split("/", maxsplit=1)[0]
        if path.endswith("/_bulk"):
            lines = [orjson.loads(line) for line in body.splitlines()]
            self.documents = [int(token) for line in lines for token in line.get("words", ())]
            return {"items": [{"index": {"_id": str(number)}} for number in range(len(self.documents))]}
        if path.endswith("/_search"):
            (token,) = body["query"]["neural_sparse"]["words"]["query_tokens"]
            found = [number for number, other in enumerate(self.documents) if self.same(int(token), other)]
            return {"hits": {"hits": [{"_id": str(number)} for number in found]}}
        if method == "PUT":
            self.indices.add(index)
            return {"shards_acknowledged": True}
        if method == "DELETE":
            self.indices.discard(index)
            return {}
        if index in self.indices:
            return {index: {"aliases": {}, "settings": body or {}, "mappings": {}}}
        return {}


def fails(_: int, __: int) -> bool:
    raise http_error(500, "array_index_out_of_bounds_exception", "Index 9 out of bounds")


@pytest.mark.parametrize(
    ("same", "said"),
    [
        (lambda one, other: one == other, ""),
        (lambda one, other: one % 65_536 == other % 65_536, "searches found others"),
        (fails, "Index 9 out of bounds"),
    ],
)
def test_a_cluster_shows_whether_it_tells_large_ids_apart(
    monkeypatch: pytest.MonkeyPatch, same: Callable[[int, int], bool], said: str
) -> None:
    # What a real cluster answers to a new index has tests of its own.
    monkeypatch.setattr(trial, "create_index", lambda cluster, index, *_: cluster.put(f"/{index}", {}))
    searching = Searching(same)
    kind = sparse_vector_kind(Pruning(), TokenIndex(type="sparse_vector"))
    assert kind.with_ids is not None
    wanted = kind.with_ids({"a": 105_878}).trial
    assert wanted is not None
    found = trial.try_vectors(fake_cluster(searching), corpus_config("things"), "words", wanted, utc_now())
    assert (said in found, bool(found)) == (True, bool(said))
    assert not said or "goes up to id 105,878" in found
    assert searching.indices == set()
