"""One search of a corpus, in any mode: what the command line, the gate and `evaluate` ask with.

    observe     the index behind the alias: its own name, mapping, filter and pipeline
    prepare     filters checked, the query encoded for each side that needs a vector, all at the same time
    ask         one request; one a side and shard where we fuse; then the re-ranker, where the mode says so

A side, a shard or a model that does not answer leaves the others, and `Answer.degraded` says which and why; `strict` fails
instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.query.answer import Answer, Via
from sparse_index.query.asking import asked
from sparse_index.query.prepare import prepared
from sparse_index.query.target import Target, observe_target
from sparse_index.query.wish import How, Wish, default_mode, default_size, nothing_yet


def search(
    cluster: Cluster,
    config: CorpusConfig,
    query: str,
    *,
    mode: SearchMode | None = None,
    size: int | None = None,
    filters: Sequence[str] = (),
    explain: bool = False,
    index: str | None = None,
    via: Via = Via.AUTO,
    **how: Unpack[How],
) -> Answer:
    """Ask what is live, or `index`. `mode`: None is the corpus's own. `size`: hits, by default `search.rerank.top` of a mode that
    re-ranks, else 10. `filters`: in words, `column=value` or `column>=value`, all of them. `explain`: what matched, and the
    sides' ranks.

    ConfigError for what the caller has to mend; the first side's error where no side answers.
    """
    mode = mode or default_mode(config)
    size = default_size(config, mode) if size is None else size
    wish = Wish(mode, size, filters, explain, via, **how)
    return search_target(cluster, config, observe_target(cluster, config, index), query, wish)


def search_target(cluster: Cluster, config: CorpusConfig, target: Target, query: str, wish: Wish) -> Answer:
    """The same of what was observed before, for who asks many queries. Errors as of `search`."""
    found = nothing_yet()
    question = prepared(cluster, config, target, query, wish, found)
    hits = asked(cluster, question, wish, found)
    found.require_whole(target.name, strict=wish.strict)
    return Answer(
        query=query,
        mode=wish.mode,
        index=target.name,
        hits=hits,
        via=found.via,
        times=found.times,
        pipeline=target.pipeline,
        made_by={side: each.made_by for side, each in question.encoded.items()},
        tokens={side: each.tokens for side, each in question.encoded.items() if each.tokens},
        degraded=tuple(found.degraded),
        notes=tuple(found.notes),
    )
