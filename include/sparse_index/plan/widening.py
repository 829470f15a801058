"""Whether the types decided for a run still suit the index that is live when it is planned, and what they widen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.kinds import plain_type
from sparse_index.corpus.logical import common_type
from sparse_index.corpus.schema import Typed
from sparse_index.errors import BuildError

# Beyond it a double does not hold every whole number.
_EXACT = 2**53


def widened_types(cluster: Cluster, config: CorpusConfig, index: str, known: Typed, decided: pa.Schema) -> list[str]:
    """What becomes of the types of the live `index` (`known`), in words; empty when they stay.

    BuildError when `decided` does not hold them (another run was promoted since it was made), or when the documents of a
    feed's earlier days could not be read in wider ones.
    """
    former = {each.name: each.type for each in known.schema if _binds(known, each.name, decided)}
    wider = {
        name: (kind, decided.field(name).type) for name, kind in former.items() if kind != decided.field(name).type
    }
    outgrown = [name for name, (kind, now) in wider.items() if common_type(kind, now) != now]
    if outgrown:
        raise BuildError(
            f"{known.name} has other types than when this run of '{config.alias}' began (columns {', '.join(outgrown)}): another "
            "run was promoted meanwhile. Nothing was changed. Trigger a new run."
        )
    problems = list(_problems(cluster, config, index, wider)) if config.kind == "feed" else []
    if problems:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        raise BuildError(
            f"The documents of earlier days of the feed '{config.alias}' cannot be kept in wider types:{lines}\nWrite this day "
            "with the former types, or give the corpus a new alias and run its days again."
        )
    return [f"'{name}' is {kind} in the live index and becomes {now}" for name, (kind, now) in wider.items()]


def _binds(known: Typed, name: str, decided: pa.Schema) -> bool:
    return name in decided.names and name not in known.valueless


def _problems(
    cluster: Cluster, config: CorpusConfig, index: str, wider: Mapping[str, tuple[pa.DataType, pa.DataType]]
) -> Iterator[str]:
    for name, (kind, now) in wider.items():
        change = f"column '{name}' is {kind} in {index} and would become {now}"
        if name in config.source.text_columns:
            yield f"{change}: it stands in the text template, and the texts of earlier days would change"
        elif pa.types.is_integer(plain_type(kind)) and not _are_exact(cluster, index, name):
            yield f"{change}, but numbers beyond 2^53 are there, which that cannot hold"


def _are_exact(cluster: Cluster, index: str, field: str) -> bool:
    ends = {name: {name: {"field": field}} for name in ("min", "max")}
    answer: Json = cluster.post(f"/{index}/_search", {"size": 0, "aggs": ends})
    return all(abs(each["value"] or 0) < _EXACT for each in answer["aggregations"].values())
