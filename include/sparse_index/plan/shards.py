"""The first look at a corpus: which files, as which shards, with which type for each column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from sparse_index.addresses import public_address
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import Passages
from sparse_index.corpus.dataset import data_set
from sparse_index.corpus.files import even_shards, source_files
from sparse_index.corpus.listing import NOT_THERE
from sparse_index.corpus.schema import Typed, decide, save_schema
from sparse_index.corpus.shards import Shard
from sparse_index.corpus.tokenizer import ModelTokenizer, NoTokenizer
from sparse_index.errors import ConfigError, CorpusError
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.ml.tokenizer import find_tokenizer
from sparse_index.plan.live_types import begins_anew
from sparse_index.plan.observe import observe_live
from sparse_index.store.files import Store


def plan_shards(cluster: Cluster, config: CorpusConfig, store: Store, request: RunRequest) -> list[Shard]:
    """Shards of the corpus, of a feed those of the request's day; reads the files' metadata only.

    CorpusError: no file, none that can be read, types that do not go together (with those of the live index, too), or a
    snapshot without rows (a feed may have days on which nothing happened); ConfigError: every column that does not fit.
    """
    live = observe_live(cluster, config, store)
    live.require_known_meta(config, request)
    uri = config.source.address(request.data_date)
    remedy = _late(config, request.data_date) if config.kind == "feed" else NOT_THERE
    found = data_set(config.source, uri, day=request.data_date, remedy=remedy)
    files = source_files(config.source, found)
    sources = [Typed(file.uri, file.schema, file.valueless, file.guessed) for file in files]
    known = live.types(sources)
    schema = decide(config, sources, known, anew=begins_anew(config, request))
    if config.kind == "snapshot" and not any(file.rows for file in files):
        raise CorpusError(f"The corpus at {public_address(uri)} has no rows. Nothing is changed; wait for the data.")
    schema = replace(schema, notes=(*found.notes, *schema.notes))
    shared = {
        "corpus": public_address(uri),
        "schema_path": save_schema(store, config.alias, schema),
        "source_version": found.version,
        "tokenizers": dict(_tokenizers(cluster, config, store)),
        "live_index": live.index,
    }
    return [shard.model_copy(update=shared) for shard in even_shards(files, config.source.max_shards)]


def _tokenizers(cluster: Cluster, config: CorpusConfig, store: Store) -> Iterator[tuple[str, str]]:
    """Vector field -> fingerprint of its encoder, where the model's tokenizer can be had: one task fetches it, all scans read it
    from the store. ConfigError when one that divides texts cannot, or cuts its passages."""
    for name, field in config.vector_fields.items():
        fingerprint = encoder_fingerprint(cluster, field)
        tokenizer = find_tokenizer(store, field.encoder.model, fingerprint)
        if field.divided is not None:
            _require_divisible(f"vectors.{name}", field.divided, tokenizer)
        if isinstance(tokenizer, ModelTokenizer):
            yield name, fingerprint


def _require_divisible(key: str, divided: Passages, tokenizer: ModelTokenizer | NoTokenizer) -> None:
    if isinstance(tokenizer, NoTokenizer):
        raise ConfigError(
            f"{key}.long_texts divides texts by the model's own tokenizer, and there is none: {tokenizer.why}. Correct the "
            "model, or take `long_texts: truncate`."
        )
    tokens, cut_at = divided.tokens + tokenizer.special, tokenizer.cut_at
    if cut_at is not None and tokens > cut_at:
        raise ConfigError(
            f"{key}.passages.tokens ({divided.tokens}) and {tokenizer.special} special tokens are more than the {cut_at} at "
            "which the model's tokenizer.json cuts: lower it."
        )


def _late(config: CorpusConfig, day: date | None) -> str:
    return (
        f"The partition {day} of the feed '{config.alias}' has not arrived: when it has, clear this run "
        '("only failed" switched off) or trigger one for that day. A day without data is a file without rows.'
    )
