"""Whether the cluster has the fields that the vectors need, and whether we can write them."""

from __future__ import annotations

from datetime import datetime

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.creation.trial import try_vectors
from sparse_index.errors import ConfigError
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.ml.vocabulary import knowing_kind
from sparse_index.preflight.connection import parse_version
from sparse_index.preflight.findings import Findings
from sparse_index.store.files import Store
from sparse_index.vectors.kinds import vector_kinds


def check_fields(findings: Findings, cluster: Cluster, store: Store, config: CorpusConfig) -> None:
    """A cluster that is too old; a model whose tokens have no ids that it takes."""
    number = str(cluster.get("/")["version"]["number"])
    for name, kind in vector_kinds(config).items():
        if parse_version(number)[: len(kind.since)] < kind.since:
            since = ".".join(map(str, kind.since))
            findings.problem(
                f"vectors.{name}: OpenSearch {number} has no {kind.mapping['type']} fields, {since} and later have. Write "
                "`index: rank_features`, or upgrade the cluster.",
                ConfigError,
            )
        elif kind.with_ids is not None:
            field = config.vector_fields[name]
            with findings.checking():
                knowing_kind(store, field, encoder_fingerprint(cluster, field))


def try_fields(findings: Findings, cluster: Cluster, store: Store, config: CorpusConfig, now: datetime) -> None:
    """Where only the cluster itself can show whether it takes the vectors of a field: an index is made, and deleted again."""
    for name, field in config.vector_fields.items():
        trial = knowing_kind(store, field, encoder_fingerprint(cluster, field)).trial
        problem = try_vectors(cluster, config, name, trial, now) if trial is not None else ""
        if problem:
            findings.problem(f"vectors.{name}: {problem}.", ConfigError)
