"""Golden sets on the command line: measure an index with one, write a first one."""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow.parquet as pq

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.relevance.evaluate import SearchMode, asks, evaluate, in_words, per_query
from sparse_index.relevance.golden import QUERIES, read_golden, write_queries
from sparse_index.relevance.sample import sample_canaries


def evaluate_modes(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """One row a mode; the values of each query to a Parquet file when one is named."""
    golden = read_golden(options.golden)
    ask = asks(cluster, config, options.index or config.alias)
    modes = [SearchMode(options.mode)] if options.mode else list(SearchMode)
    evaluations = [evaluate(ask, golden, mode) for mode in modes]
    print("\n".join(in_words(evaluations, golden)))
    if options.per_query:
        pq.write_table(per_query(evaluations), options.per_query)
        print(f"Values of each judged query: {options.per_query}")


def write_sample(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """Canaries of documents that are live, to be read and edited."""
    file = (options.golden or Path("golden", config.alias)) / QUERIES
    queries = sample_canaries(cluster, config, options.sample)
    write_queries(file, queries)
    print(f"{len(queries)} canaries: {file}")
    print("Read them: write the texts as people ask, remove what nobody would, and add judgements beside them.")
