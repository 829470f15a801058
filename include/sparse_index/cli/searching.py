"""A search on the command line: the words of its options, and how its answer is shown."""

from __future__ import annotations

import argparse
from functools import partial

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import ConfigError
from sparse_index.query.answer import Via
from sparse_index.query.encoding import Given
from sparse_index.query.search import search
from sparse_index.query.table import shown


def print_answer(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """In the mode that is asked for, or as the corpus file says."""
    ask = partial(
        search,
        cluster,
        config,
        options.query,
        filters=options.filter,
        explain=True,
        index=options.index,
        via=Via(options.via),
        given=given(options, config),
        strict=options.strict,
    )
    print("\n".join(shown(ask, config, SearchMode(options.mode) if options.mode else None, options.size)))


def given(options: argparse.Namespace, config: CorpusConfig) -> Given:
    """What the options say of encoding; ConfigError for a model of a field that is not there."""
    named = [each.rpartition("=") for each in options.model_id]
    models = {name or next(iter(config.vector_fields)): model for name, _, model in named}
    unknown = ", ".join(models.keys() - config.vector_fields.keys())
    if unknown:
        raise ConfigError(
            f"--model-id: '{config.alias}' has no vector field {unknown}: {', '.join(config.vector_fields)}."
        )
    return Given(models=models, analyzer=options.analyzer)
