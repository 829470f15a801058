"""The sides asked one by one, each shard for itself as the cluster does within a hybrid search, and fused here.

It tells every side's ranks, it intersects exactly, and a side that fails leaves the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.errors import of_status, reason_of
from sparse_index.errors import SparseIndexError
from sparse_index.query.answer import Hit
from sparse_index.query.documents import by_document, read_hits
from sparse_index.query.fusion import Ranked, fused, merged
from sparse_index.query.question import Question, ours_alone
from sparse_index.query.troubles import in_words, searching
from sparse_index.query.wish import Findings

# What the one shard that is asked for gets for an answer while it is away.
_UNAVAILABLE = 503


@dataclass(frozen=True)
class Fused:
    """`failed`: side -> why it has no part in the hits."""

    hits: Sequence[Hit]
    failed: Mapping[str, SparseIndexError]


def fused_by_client(cluster: Cluster, question: Question, size: int, noted: Findings) -> Fused:
    """The first side's error when none answered."""
    found = _by_side(cluster, question, noted)
    failed = {side: answer for side, answer in found.items() if isinstance(answer, SparseIndexError)}
    sides = {side: answer for side, answer in found.items() if not isinstance(answer, SparseIndexError)}
    if not sides:
        raise next(iter(failed.values()))
    search = question.config.search
    best = fused(search.fusion, sides, only_common=search.combine == "intersection")[:size]
    return Fused(read_hits(cluster, question, best, by_document(sides), noted), failed)


def _by_side(cluster: Cluster, question: Question, noted: Findings) -> dict[str, Ranked | SparseIndexError]:
    """Side -> its candidates, of several shards those of each: a search over all would give fewer."""
    candidates, shards = question.config.search.candidates, question.target.shards
    bodies = {side: question.clause(side, candidates) for side in question.sides}
    lines = [
        line
        for clause in bodies.values()
        for shard in range(shards)
        for line in (
            _header(question.target.name, shard, shards),
            ours_alone({"size": candidates, "_source": False, "query": clause}),
        )
    ]
    content = b"".join(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n" for line in lines)
    with searching():
        answers: list[Json] = cluster.request("POST", "/_msearch", content)["responses"]
    return {
        side: _of_shards(answers[first : first + shards], noted)
        for side, first in zip(bodies, range(0, len(answers), shards), strict=True)
    }


def _header(index: str, shard: int, shards: int) -> Json:
    return {"index": index} if shards == 1 else {"index": index, "preference": f"_shards:{shard}"}


def _of_shards(answers: Sequence[Json], noted: Findings) -> Ranked | SparseIndexError:
    """Without those that are away, unless all of them are."""
    told = [answer for answer in answers if "error" not in answer]
    away = [answer for answer in answers if answer.get("status") == _UNAVAILABLE]
    if told and len(told) + len(away) == len(answers):
        noted.saw(told, away=len(away))
        return merged([[(hit["_id"], hit["_score"]) for hit in answer["hits"]["hits"]] for answer in told])
    refused = next((answer for answer in answers if "error" in answer and answer not in away), None) or away[0]
    return in_words(of_status(refused["status"], reason_of(refused), "POST /_msearch"))
