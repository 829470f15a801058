"""Whether the gate could ask the golden queries of a candidate: who encodes and who re-ranks them is known before anything is
encoded."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import BM25, SearchMode
from sparse_index.config.served import is_served, unserved_fields
from sparse_index.errors import ConfigError
from sparse_index.ml.life import life_of
from sparse_index.ml.served import find_or_outage
from sparse_index.preflight.findings import Findings
from sparse_index.query.rerank import reranker_of
from sparse_index.query.wish import default_mode, reranker, sides_asked
from sparse_index.relevance.golden import golden_of


def check_golden(findings: Findings, cluster: Cluster, config: CorpusConfig) -> None:
    """Nothing is asked where the corpus has no golden set."""
    if config.gate.golden is None:
        return
    with findings.checking():
        golden_of(config.gate)
    for side in sides_asked(config, default_mode(config)):
        with findings.checking():
            for why in _why_unasked(cluster, config, side):
                findings.problem(
                    f"gate.golden: its queries are asked in mode {default_mode(config)}, and {why}, ask them in another "
                    "search.mode, or leave gate.golden out.",
                    ConfigError,
                )
    if default_mode(config) is SearchMode.RERANK:
        with findings.checking():
            reranker_of(cluster, config, reranker(config))


def _why_unasked(cluster: Cluster, config: CorpusConfig, side: str) -> Iterator[str]:
    """Where serving is to have a model, the search pipeline is looked at beside this."""
    if side == BM25:
        return
    if config.query_way(side) == "tokens":
        yield f"a golden query brings no tokens for '{side}': write model or analyzer in search.query"
    if side in unserved_fields(config) and not is_served(config):
        field = config.vector_fields[side]
        # Another corpus may share that model.
        content, whose = life_of(field).content_sha256(cluster), f"What encodes golden queries for '{side}'"
        if find_or_outage(cluster, field, content, whose) is None:
            yield f"each run deletes the model that would encode them for '{side}': set lifecycle: shared in its encoder"
