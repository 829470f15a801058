"""The cluster settings of ML Commons that a corpus needs. They are the cluster's: runs never flip them back.

Memory thresholds are not among them: raising one hides that a node is full, until it dies.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from sparse_index.cluster.client import Cluster, Json, flat
from sparse_index.cluster.cores import ML_NODES_ONLY
from sparse_index.cluster.settings import as_json, effective_settings, has_ml_node, put_request
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import ExistingModel
from sparse_index.errors import ConfigError
from sparse_index.ml.life import life_of
from sparse_index.ml.predict import RERANKER
from sparse_index.ml.sources import SECTION, Source, source_of

log = logging.getLogger(__name__)

Former = dict[str, str | None]


def required_settings(config: CorpusConfig, *, has_ml_node: bool) -> dict[str, str]:
    """Setting -> value without which the models of `config` cannot be registered or deployed, by a run or by serving."""
    sources = list(_sources(config))
    on_data_nodes = {ML_NODES_ONLY: "false"} if sources and not has_ml_node else {}
    return on_data_nodes | {source.setting: "true" for source in sources if source.setting}


def _sources(config: CorpusConfig) -> Iterator[Source]:
    for field in config.vector_fields.values():
        life = life_of(field)
        if life.origin is not None:
            yield life.origin
    rerank = config.search.rerank
    if rerank is not None and not isinstance(rerank.model, ExistingModel):
        yield source_of(rerank.model, RERANKER)


def missing_settings(cluster: Cluster, config: CorpusConfig) -> dict[str, str]:
    """The required settings that have another value now."""
    now = effective_settings(cluster, SECTION)
    required = required_settings(config, has_ml_node=has_ml_node(cluster))
    return {name: value for name, value in required.items() if now.get(name) != value}


def ensure_settings(cluster: Cluster, config: CorpusConfig) -> Former:
    """Set what is missing; gives the former persistent values of what was changed (None: the default applied), which are
    in the log before anything is. ConfigError, and nothing is set, where a transient setting overrides it."""
    missing = missing_settings(cluster, config)
    if not missing:
        return {}
    now: Json = cluster.get("/_cluster/settings")
    problem = _overridden(now, missing)
    if problem is not None:
        raise ConfigError(problem)
    persistent = flat(now.get("persistent", {}))
    former = {name: persistent.get(name) for name in missing}
    log.warning("Cluster settings of %s are set: %s. What undoes it: %s", config.alias, missing, put_request(former))
    cluster.put("/_cluster/settings", {"persistent": missing})
    return former


def settings_problem(cluster: Cluster, config: CorpusConfig) -> str | None:
    """The settings that are missing and that `cluster_settings` leaves to somebody else, and who sets them, in words."""
    missing = missing_settings(cluster, config)
    if not missing:
        return None
    if config.cluster_settings == "ensure":
        return _overridden(cluster.get("/_cluster/settings"), missing)
    return (
        f"{len(missing)} cluster setting(s) keep this encoder from running. An administrator sets them once: "
        f"{put_request(missing)} (or `cluster_settings: ensure` in the corpus file, on a cluster that is yours alone)."
    )


def _overridden(now: Json, missing: Mapping[str, str]) -> str | None:
    named = sorted(missing.keys() & flat(now.get("transient", {})).keys())
    if not named:
        return None
    return (
        f"{', '.join(named)} would keep its value if it was set: a transient setting overrides it. "
        f"Remove that one: PUT /_cluster/settings {as_json({'transient': dict.fromkeys(named)})}"
    )


def restore_settings(cluster: Cluster, former: Former) -> None:
    """Give the settings back the values that `ensure_settings` found; by hand only, another corpus may need them."""
    if former:
        cluster.put("/_cluster/settings", {"persistent": former})
