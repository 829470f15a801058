"""Whether the candidate finds the best documents where its index may pass over some: the first ten of a search against the exact
scores of every stored vector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparse_index.builds.check import Check, Verdict, skipped
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.config.served import unserved_fields
from sparse_index.live.reading import searched
from sparse_index.ml.vocabulary import knowing_kind
from sparse_index.query.encoding import NOTHING_GIVEN, encoded, knowing_models
from sparse_index.query.target import observe_target
from sparse_index.relevance.exact import BestTexts, FieldVectors
from sparse_index.relevance.golden import golden_of
from sparse_index.store.files import Store
from sparse_index.store.layout import final_manifest_path
from sparse_index.vectors.files import vector_paths
from sparse_index.vectors.kind import Asked, VectorKind
from sparse_index.vectors.kinds import vector_kinds

RECALL = "recall@10"
_QUERIES = 50
TOP = 10
# Scores are sums of float32.
_SAME = 1e-5


@dataclass(frozen=True)
class Best:
    """Of one query: exact scores of the best documents, TOP of them where so many match, and of those that were found."""

    best: Sequence[float]
    found: Sequence[float]

    @property
    def recall(self) -> float:
        """Documents that score as the last of the best do are as good as it."""
        least = min(self.best) * (1 - _SAME)
        return min(len(self.best), sum(score >= least for score in self.found)) / len(self.best)


def recall_checks(cluster: Cluster, store: Store, plan: Plan) -> Iterator[Check]:
    """One for each vector field that may miss documents."""
    for name, kind in vector_kinds(plan.config).items():
        if kind.finds_all or not vector_paths(store, plan.fingerprint_of(name)):
            continue
        if plan.config.gate.min_recall == 0:
            yield skipped(RECALL, f"'{name}': gate.min_recall is 0, and whatever it finds is enough.")
            continue
        texts = _golden_texts(plan, name)
        whose = "golden queries" if texts else "queries like its documents"
        observed = _observed(cluster, store, plan, name, texts)
        yield recall_check(name, observed, plan.config.gate.min_recall, whose)


def recall_check(field: str, queries: Sequence[Best], least: float, whose: str) -> Check:
    asked = [query for query in queries if query.best]
    if not asked:
        return skipped(RECALL, f"'{field}' has no vector to ask for")
    recall = sum(query.recall for query in asked) / len(asked)
    words = (
        f"'{field}' finds {recall:.1%} of the {TOP} best documents by the scores of all vectors ({len(asked)} {whose})"
    )
    if recall >= least:
        return Check(RECALL, Verdict.PASS, recall, least, words)
    way_out = "Let its index look at more (docs/add-a-corpus.md, vectors), or lower that, and run with mode full"
    return Check(RECALL, Verdict.FAIL, recall, least, f"{words}, gate.min_recall is {least:g}. {way_out}")


def _golden_texts(plan: Plan, field: str) -> list[str]:
    """What people ask, where the corpus says it and a query can be made of it here. It is the harder test: queries like
    documents are easily answered by those."""
    golden = golden_of(plan.config.gate)
    if golden is None or plan.config.query_way(field) == "tokens" or field in unserved_fields(plan.config):
        return []
    return [query.text for query in golden.queries][:_QUERIES]


def _observed(cluster: Cluster, store: Store, plan: Plan, field: str, texts: Sequence[str]) -> list[Best]:
    fingerprint = plan.fingerprint_of(field)
    kind = knowing_kind(store, plan.config.vector_fields[field], fingerprint)
    vectors = FieldVectors(store, plan.config, field, fingerprint, final_manifest_path(plan.alias, plan.build_id))
    outputs = _encoded(cluster, plan, field, texts) if texts else _sampled(vectors, kind, plan.build_id)
    found = [_found(cluster, plan, kind.clause(field, output, Asked(TOP))) for output in outputs]
    hashes = vectors.hashes_of({name for names in found for name in names})
    wanted = {text_hash for each in hashes.values() for text_hash in each}
    # So many texts are those of TOP documents at least.
    best = BestTexts(kind, outputs, TOP * vectors.most_owners())
    scores = dict(_scores(vectors, kind, outputs, best, wanted))
    documents = vectors.documents(best.texts(), TOP)
    return [
        Best([score for _, score in documents[number]], [*_of_documents(number, names, hashes, scores)])
        for number, names in enumerate(found)
    ]


def _sampled(vectors: FieldVectors, kind: VectorKind, seed: str) -> list[Any]:
    documents = (kind.in_document(stored) for stored in vectors.sample(_QUERIES, seed))
    return [kind.as_output(document) for document in documents if document is not None]


def _scores(
    vectors: FieldVectors, kind: VectorKind, outputs: Sequence[Any], best: BestTexts, wanted: set[str]
) -> Iterator[tuple[str, np.ndarray]]:
    """Of each `wanted` text its score for every query, from the one reading that finds the best."""
    named = pa.array(sorted(wanted), pa.string())
    for batch in vectors.each_once():
        best.add(batch)
        looked_for = batch.filter(pc.is_in(batch["text_hash"], value_set=named))
        if len(looked_for):
            yield from zip(looked_for["text_hash"].to_pylist(), kind.scores(outputs, looked_for).T, strict=True)


def _of_documents(
    query: int, names: Sequence[str], hashes: Mapping[str, Sequence[str]], scores: Mapping[str, np.ndarray]
) -> Iterator[float]:
    """A document scores as the best of its texts."""
    for name in names:
        of_texts = [float(scores[text_hash][query]) for text_hash in hashes.get(name, ()) if text_hash in scores]
        if of_texts:
            yield max(of_texts)


def _encoded(cluster: Cluster, plan: Plan, field: str, texts: Sequence[str]) -> list[Any]:
    target = observe_target(cluster, plan.config, plan.candidate)
    given = knowing_models(cluster, plan.config, target, [field], NOTHING_GIVEN)
    return [encoded(cluster, plan.config, target, field, text, given).output for text in texts]


def _found(cluster: Cluster, plan: Plan, query: Mapping[str, Any]) -> list[str]:
    body = {"size": TOP, "_source": False, "query": query}
    return [str(hit["_id"]) for hit in searched(cluster, plan.candidate, body)["hits"]["hits"]]
