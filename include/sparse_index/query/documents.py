"""A closer look at hits whose ids are known: their source, what of it matched, the best passage of each side that has passages.

Beside the search itself, and the same whoever fuses: a hybrid search of OpenSearch 2.19 does not tell which passage was the
best, and those of candidates that are on no page nobody wants to see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sparse_index.cluster.client import Cluster, Json
from sparse_index.query.answer import Found, Hit
from sparse_index.query.fusion import Ranked
from sparse_index.query.question import Question, ours_alone
from sparse_index.query.wish import Findings


def read_hits(
    cluster: Cluster, question: Question, best: Ranked, found: Mapping[str, Mapping[str, Found]], noted: Findings
) -> list[Hit]:
    """`best`: in the order of the hits; `found`: id -> what its sides say of it."""
    raws = _documents(cluster, question, [id_ for id_, _ in best], noted)
    # A document may have gone meanwhile from an index that is still being written.
    return [question.hit(raws[id_], score, found.get(id_, {})) for id_, score in best if id_ in raws]


def by_document(sides: Mapping[str, Ranked]) -> Mapping[str, Mapping[str, Found]]:
    """Id -> side -> its place there."""
    found: dict[str, dict[str, Found]] = defaultdict(dict)
    for side, ranked in sides.items():
        for rank, (id_, score) in enumerate(ranked, start=1):
            found[id_][side] = Found(score, rank)
    return found


def _documents(cluster: Cluster, question: Question, ids: Sequence[str], noted: Findings) -> dict[str, Json]:
    """Id -> the hit as the cluster gives it."""
    if not ids:
        return {}
    body = {"size": len(ids), "query": question.closer(ids), **question.fetched}
    hits = noted.hits(cluster.post(f"/{question.target.name}/_search", ours_alone(body)))
    return {raw["_id"]: raw for raw in hits}
