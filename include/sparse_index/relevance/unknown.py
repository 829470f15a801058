"""Documents of a golden set that an index does not hold: each is an answer that nothing can find."""

from __future__ import annotations

from collections.abc import Sequence

from sparse_index.cluster.client import Cluster
from sparse_index.errors import ConfigError
from sparse_index.query.question import ours_alone
from sparse_index.relevance.golden import GoldenSet

# Above it the judgements are of something else.
MOST_UNKNOWN = 0.2
NAMED = 3
_IDS_AT_ONCE = 100  # an index may allow no large page


def unknown_documents(cluster: Cluster, index: str, ids: Sequence[str]) -> list[str]:
    """Those that are not in the index (or behind the alias), in order; ConfigError for an index that is not there."""
    unknown: list[str] = []
    for first in range(0, len(ids), _IDS_AT_ONCE):
        wanted = ids[first : first + _IDS_AT_ONCE]
        held = _held(cluster, index, wanted)
        unknown += [document for document in wanted if document not in held]
    return unknown


def _held(cluster: Cluster, index: str, wanted: Sequence[str]) -> set[str]:
    """By a search, which whoever asks golden queries may do: the shipped roles may not read documents by their ids."""
    body = ours_alone({"size": len(wanted), "_source": False, "query": {"ids": {"values": list(wanted)}}})
    found = cluster.find(f"/{index}/_search", body, allow_partial_search_results="false")
    if found is None:
        raise ConfigError(
            f"'{index}' is not there, so nothing is known of the judged documents. Name an index that is there."
        )
    return {hit["_id"] for hit in found["hits"]["hits"]}


def share_unknown(unknown: Sequence[str], golden: GoldenSet) -> float:
    return len(unknown) / max(len(golden.judged_documents), 1)


def in_words(unknown: Sequence[str], golden: GoldenSet) -> str:
    """With what to do where there are too many."""
    count = f"{len(unknown)} of {len(golden.judged_documents)}"
    if share_unknown(unknown, golden) <= MOST_UNKNOWN:
        return f"{count} judged documents are not in the index."
    examples = ", ".join(unknown[:NAMED])
    return (
        f"{count} judged documents are not in the index, such as {examples}: these judgements are of another corpus, or out of "
        "date. Correct them."
    )
