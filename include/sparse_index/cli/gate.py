"""The gate's checks for any two indices of a corpus."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from sparse_index.builds.check import failed, table
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.gate.gate import compare
from sparse_index.live.alias import observe_alias
from sparse_index.store.files import Store


def gate(options: argparse.Namespace, cluster: Cluster, config: CorpusConfig) -> None:
    """Print the table; BuildError when one of the checks failed."""
    against = options.against or observe_alias(cluster, config.alias).index
    if against is None:
        raise BuildError(f"'{config.alias}' has no live index: name the index to compare with, --against INDEX.")
    seed = datetime.now(UTC).isoformat()
    found = compare(cluster, Store(config.store), config, options.index, against, seed)
    print(f"{options.index} against {against}")
    print("\n".join(table(found)))
    if failed(found):
        names = ", ".join(dict.fromkeys(check.name for check in failed(found)))
        raise BuildError(f"{options.index} would not go live: {names}. Nothing was changed.")
