"""Everything that would make a build fail later, named at once, before anything is made."""

from __future__ import annotations

from sparse_index.build_state import IsLive
from sparse_index.cluster import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import ExistingModel
from sparse_index.errors import AccessError, SparseIndexError
from sparse_index.index.alias import observe_alias
from sparse_index.ml.settings import Former
from sparse_index.preflight.capacity import check_disk, check_model_places
from sparse_index.preflight.connection import (
    ML_PLUGIN,
    SECURITY,
    check_permissions,
    check_plugins,
    check_version,
    installed_plugins,
)
from sparse_index.preflight.encoder import check_model, check_settings
from sparse_index.preflight.leftovers import sweep
from sparse_index.preflight.report import Findings, PreflightReport, Problem
from sparse_index.preflight.storage import check_store
from sparse_index.store import Store

__all__ = ["IsLive", "PreflightReport", "Problem", "examine", "preflight"]


def preflight(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    *,
    is_live: IsLive | None = None,
    sweeps: bool = True,
    workers_share_files: bool = True,
) -> PreflightReport:
    """`examine`, and one error that names every problem when there is any."""
    report = examine(cluster, config, store, is_live=is_live, sweeps=sweeps, workers_share_files=workers_share_files)
    return report.require_ready()


def examine(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    *,
    is_live: IsLive | None = None,
    sweeps: bool = True,
    workers_share_files: bool = True,
) -> PreflightReport:
    """What stands in the way of a build of `config`; raises nothing that the cluster or the store say.

    What dead runs have left is removed, or only named (`sweeps` False). `is_live`: whether a scheduler has a run of a build
    still; None where there is no scheduler. `workers_share_files`: False where tasks run on several machines, which do not
    see each other's folders.
    """
    findings = Findings()
    check_store(findings, config, store, workers_share_files=workers_share_files)
    about, silent = "", False
    former: Former = {}
    swept: list[str] = []
    try:
        about = check_version(findings, cluster.get("/"))
    except SparseIndexError as error:
        # Whoever does not answer or does not know us says the same to every further question. A missing permission is
        # named with the others.
        silent = error.status != 403
        if silent:
            findings.problem(error.message, type(error))
    if not silent:
        former = _check_cluster(findings, cluster, config)
        with findings.checking():
            swept = sweep(findings, cluster, store, config.alias, is_live, removes=sweeps)
    return PreflightReport(
        alias=config.alias,
        cluster=about,
        problems=tuple(findings.problems),
        warnings=tuple(findings.warnings),
        swept=tuple(swept),
        left=tuple(findings.left),
        former_settings=former,
    )


def _check_cluster(findings: Findings, cluster: Cluster, config: CorpusConfig) -> Former:
    plugins = _plugins(findings, cluster)
    if not plugins or SECURITY in plugins:
        with findings.checking():
            check_permissions(findings, cluster, config)
    with findings.checking():
        observe_alias(cluster, config.alias).require_sound()
    with findings.checking():
        check_disk(findings, cluster)
    return _check_models(findings, cluster, config) if ML_PLUGIN in plugins else {}


def _plugins(findings: Findings, cluster: Cluster) -> dict[str, set[str]]:
    """Empty where we may not ask: that permission is named with the others that are missing."""
    with findings.checking():
        try:
            plugins = installed_plugins(cluster)
        except AccessError:
            return {}
        check_plugins(findings, plugins)
        return plugins
    return {}


def _check_models(findings: Findings, cluster: Cluster, config: CorpusConfig) -> Former:
    former: Former = {}
    with findings.checking():
        former = check_settings(findings, cluster, config)
    with findings.checking():
        check_model(findings, cluster, config)
    if not isinstance(config.encoder.model, ExistingModel):
        with findings.checking():
            check_model_places(findings, cluster)
    return former
