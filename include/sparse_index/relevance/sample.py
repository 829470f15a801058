"""A first golden set that nobody has to judge: whoever types a document's title should find the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError
from sparse_index.live.reading import searched
from sparse_index.query.wish import default_mode
from sparse_index.relevance.evaluate import Ask, missing_of, rank
from sparse_index.relevance.golden import GoldenQuery, GoldenSet

_SEED = 10


@dataclass(frozen=True)
class Sample:
    """`canaries` that hold now; `lost`: titles that do not find their document."""

    canaries: Sequence[GoldenQuery]
    lost: Sequence[str]


def sample_canaries(cluster: Cluster, config: CorpusConfig, ask: Ask, count: int) -> Sample:
    """A canary a document, of up to `count` documents that the live index draws; the same ones as long as it is the same
    index. The title is the first indexed column of the text template; a title that was drawn already is left out, since
    nobody could say which of its documents is meant, and so is one that `ask` does not answer with the document."""
    title = _title_column(config)
    found: dict[str, str] = {}
    for hit in _drawn(cluster, config.alias, title, count):
        found.setdefault(str(hit["_source"][title]).strip(), hit["_id"])
    found.pop("", None)
    if not found:
        raise ConfigError(f"'{config.alias}' has no document with a '{title}' to draw. Build its index first.")
    drawn = [
        GoldenQuery(id=f"canary-{number:03d}", text=text, must=(id_,))
        for number, (text, id_) in enumerate(found.items(), start=1)
    ]
    missing = missing_of(drawn, rank(ask, GoldenSet(drawn, {}), default_mode(config)))
    return Sample(
        [query for query in drawn if query.id not in missing], [query.text for query in drawn if query.id in missing]
    )


def _title_column(config: CorpusConfig) -> str:
    indexed = config.source.columns
    for name in config.source.text_columns:
        if indexed is None or name in indexed:
            return name
    raise ConfigError(
        "None of the text template's columns is indexed, so there is no title to draw. Add one to source.columns."
    )


def _drawn(cluster: Cluster, index: str, title: str, count: int) -> list[Json]:
    random = {"random_score": {"seed": _SEED, "field": "_seq_no"}, "boost_mode": "replace"}
    body = {
        "size": count,
        "_source": [title],
        "query": {"function_score": {"query": {"exists": {"field": title}}, **random}},
    }
    hits: list[Json] = searched(cluster, index, body)["hits"]["hits"]
    return hits
