"""Golden sets on the command line: measure an index with one, tune its search by one, write a first one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from sparse_index.cli.searching import given
from sparse_index.cli.writing import writing
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import ConfigError
from sparse_index.query.answer import Via
from sparse_index.query.wish import modes
from sparse_index.relevance.evaluate import asks, evaluate, in_words, per_query
from sparse_index.relevance.golden import QUERIES, GoldenSet, golden_of, read_golden, write_queries
from sparse_index.relevance.sample import sample_canaries
from sparse_index.relevance.tune import tune
from sparse_index.relevance.unknown import MOST_UNKNOWN, share_unknown, unknown_documents
from sparse_index.relevance.unknown import in_words as unknown_in_words
from sparse_index.store.files import Store


def evaluate_modes(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """One row a mode; the values of each query to a Parquet file when one is named."""
    golden = read_golden(options.golden)
    _require_of_this_corpus(unknown_documents(cluster, options.index or config.alias, golden.judged_documents), golden)
    asked = [SearchMode(options.mode)] if options.mode else modes(config)
    ask = asks(cluster, config, options.index, given(options, config), Via(options.via))
    evaluations = [evaluate(ask, golden, mode) for mode in asked]
    print("\n".join(in_words(evaluations, golden)))
    if options.per_query:
        with writing(options.per_query):
            pq.write_table(per_query(evaluations), options.per_query)
        print(f"Values of each judged query: {options.per_query}")


def _require_of_this_corpus(unknown: Sequence[str], golden: GoldenSet) -> None:
    """ConfigError where the judgements are of another one; a few of documents that are gone are said."""
    if share_unknown(unknown, golden) > MOST_UNKNOWN:
        raise ConfigError(unknown_in_words(unknown, golden))
    if unknown:
        print(unknown_in_words(unknown, golden))


def tune_search(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """Tables of what could be changed, and the lines that would change it."""
    golden = read_golden(options.golden) if options.golden else golden_of(config.gate)
    if golden is None:
        raise ConfigError("Tuning needs judged queries: give --golden DIR, or gate.golden in the corpus file.")
    _require_of_this_corpus(unknown_documents(cluster, config.alias, golden.judged_documents), golden)
    for line in tune(cluster, config, Store(config.store), golden, given(options, config)):
        print(line, flush=True)


def write_sample(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """Canaries of documents that are live, to be read and edited."""
    file = (options.golden or Path("golden", config.alias)) / QUERIES
    sample = sample_canaries(cluster, config, asks(cluster, config, None, given(options, config)), options.sample)
    for title in sample.lost:
        print(f"Left out, as its document is not among the first hits: {title}")
    if not sample.canaries:
        raise ConfigError(
            f"None of {len(sample.lost)} titles finds its document in '{config.alias}': nothing was written. Write the queries "
            "yourself, as people ask."
        )
    with writing(file):
        write_queries(file, sample.canaries)
    print(f"{len(sample.canaries)} canaries: {file}")
    print("Read them: write the texts as people ask, remove what nobody would, and add judgements beside them.")
