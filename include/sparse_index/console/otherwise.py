"""What an index was built otherwise than its corpus is configured now: a search asks it as the corpus file says today."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import BM25, SearchMode
from sparse_index.console.generations import Generation, Generations
from sparse_index.console.searching import LIVE
from sparse_index.query.pipelines import text_fields
from sparse_index.query.wish import modes, sides_asked

# By how a query becomes a vector.
_HOW = {
    "analyzer": "the query is split as the corpus file says now",
    "model": "the query is encoded by the model that its own search pipeline names",
    "tokens": "the caller's tokens have to be of its own",
}


def otherwise(config: CorpusConfig, found: Generations, place: str, mode: SearchMode) -> list[str]:
    """Sentences about what is searched in that `mode`, an index or `live`, as its own `_meta` and mapping tell; nothing of one
    that is not there."""
    asked = _index(found, place)
    if asked is None or mode not in modes(config):
        return []
    return [*_of_fields(config, asked, mode), *_of_encoders(config, found, asked, mode)]


def _index(found: Generations, place: str) -> Generation | None:
    is_live = place == LIVE
    return next((each for each in found.indices if (each.state == LIVE if is_live else each.index == place)), None)


def _of_fields(config: CorpusConfig, asked: Generation, mode: SearchMode) -> Iterator[str]:
    missing = [name for name in _fields_asked(config, mode) if name.split(".")[0] not in asked.fields]
    if missing:
        yield f"It has no field {', '.join(missing)}, by which the corpus is searched now: it was built with others."
    elif asked.document_hash != config.document_hash():
        yield "It was built with other columns, another text template or mapping than the corpus file has now."


def _fields_asked(config: CorpusConfig, mode: SearchMode) -> Iterator[str]:
    for side in sides_asked(config, mode):
        yield from text_fields(config) if side == BM25 else [side]


def _of_encoders(config: CorpusConfig, found: Generations, asked: Generation, mode: SearchMode) -> Iterator[str]:
    """Compared with the live index: the encoder of the corpus file as it is now is known by nobody here."""
    live = _index(found, LIVE) or asked
    for side in sides_asked(config, mode):
        own, usual = asked.fingerprint_of(side), live.fingerprint_of(side)
        if side != BM25 and side in asked.fields and own != usual:
            yield (
                f"Its vectors of '{side}' are of encoder {own}, those of the live index of {usual}: "
                f"{_HOW[config.query_way(side)]}."
            )
