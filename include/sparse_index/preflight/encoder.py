"""Whether the cluster's settings let the encoder's model run."""

from __future__ import annotations

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.ml.settings import Former, ensure_settings, settings_problem
from sparse_index.preflight.findings import Findings


def check_settings(findings: Findings, cluster: Cluster, config: CorpusConfig) -> Former:
    """With `ensure` sets what is missing and gives the former values; with `check` names it."""
    if config.cluster_settings == "ensure":
        return ensure_settings(cluster, config)
    problem = settings_problem(cluster, config)
    if problem is not None:
        findings.problem(problem)
    return {}
