"""Whether the cluster's settings let the encoder's model run."""

from __future__ import annotations

from sparse_index.cluster.client import Cluster
from sparse_index.cluster.settings import put_request
from sparse_index.config.corpus import CorpusConfig
from sparse_index.ml.settings import Former, ensure_settings, missing_settings
from sparse_index.preflight.findings import Findings


def check_settings(findings: Findings, cluster: Cluster, config: CorpusConfig) -> Former:
    """With `ensure` sets what is missing and gives the former values; with `check` names it."""
    if config.cluster_settings == "ensure":
        return ensure_settings(cluster, config)
    missing = missing_settings(cluster, config)
    if missing:
        findings.problem(
            f"{len(missing)} cluster setting(s) keep this encoder from running. An administrator sets them once: "
            f"{put_request(missing)} (or `cluster_settings: ensure` in the corpus file, on a cluster that is yours alone)."
        )
    return {}
