"""What queries need, put right or only looked at."""

from __future__ import annotations

import argparse

from sparse_index.cli.operations import known_beside
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.served import is_served
from sparse_index.errors import ConfigError
from sparse_index.serving.act import Serving, carry_out
from sparse_index.serving.decide import Phase, decide
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME


def serve(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """Every phase, and what is left then; with --check only what is missing, as an error."""
    if not is_served(config):
        print(f"'{config.alias}' has nothing to serve: no shared model, no re-ranker, no search that needs a pipeline.")
        return
    serving = Serving(cluster, Store(config.store), config, REAL_TIME, known_beside(options, config))
    for phase in () if options.check else Phase:
        for line in carry_out(serving, phase):
            print(f"{phase}: {line}", flush=True)
    found = decide(serving.seen())
    print(found)
    if options.check and found.steps:
        raise ConfigError(f"Queries of '{config.alias}' lack something: `serve` without --check puts it right.")
