"""Everything that would make a build fail later, named at once, before anything is made."""

from __future__ import annotations

from datetime import datetime

from sparse_index.builds.state import GoesOn
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.served import why_unserved
from sparse_index.creation.hindrances import hindrances
from sparse_index.creation.trial import try_unread
from sparse_index.errors import AccessError, BuildError, ConfigError, SparseIndexError
from sparse_index.live.states import index_states
from sparse_index.ml.life import life_of, sources_of
from sparse_index.ml.settings import Former, ensure_settings, missing_settings, settings_problem
from sparse_index.preflight.capacity import check_disk, check_model_places
from sparse_index.preflight.connection import (
    ML_PLUGIN,
    SECURITY,
    check_permissions,
    check_plugins,
    check_version,
    installed_plugins,
)
from sparse_index.preflight.fields import check_fields, try_fields
from sparse_index.preflight.findings import Findings, Problem, Readiness
from sparse_index.preflight.golden import check_golden
from sparse_index.preflight.leftovers import sweep
from sparse_index.preflight.managed import check_aws_service
from sparse_index.preflight.policies import POLICIES_PLUGIN, policy_warnings
from sparse_index.preflight.storage import check_store
from sparse_index.preflight.worker import check_worker
from sparse_index.query.default_pipeline import default_pipeline
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing

__all__ = ["GoesOn", "Problem", "Readiness", "examine", "preflight"]


def preflight(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    *,
    goes_on: GoesOn | None = None,
    changes: bool = True,
    workers_share_files: bool = True,
    timing: Timing = REAL_TIME,
) -> Readiness:
    """`examine`, and one error that names every problem when there is any."""
    return examine(
        cluster, config, store, goes_on=goes_on, changes=changes, workers_share_files=workers_share_files, timing=timing
    ).require_ready()


def examine(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    *,
    goes_on: GoesOn | None = None,
    changes: bool = True,
    workers_share_files: bool = True,
    timing: Timing = REAL_TIME,
) -> Readiness:
    """What stands in the way of a build of `config`; raises nothing that the cluster or the store say.

    What dead runs have left is removed, and the settings of `cluster_settings: ensure` are set where nothing is wrong; with
    `changes` False both are only named. `goes_on`: whether a scheduler has a run of a build still; None where there is no
    scheduler. `workers_share_files`: False where tasks run on several machines, which do not see each other's folders.
    """
    findings = Findings()
    check_store(findings, config, store, workers_share_files=workers_share_files)
    check_worker(findings, config)
    about, silent = "", cluster.aws_service is not None and not check_aws_service(findings, cluster.aws_service, config)
    former: Former = {}
    swept: list[str] = []
    try:
        about = "" if silent else check_version(findings, cluster.get("/"))
    except SparseIndexError as error:
        # Whoever does not answer or does not know us says the same to every further question. A missing permission is
        # named with the others.
        silent = error.status != 403
        if silent:
            findings.problem(error.message, type(error))
    if not silent:
        plugins = _check_access(findings, cluster, config)
        with findings.checking():
            # Before there is looked for room: nothing is refused for what a dead run holds.
            swept = sweep(findings, cluster, store, config.alias, goes_on, timing, removes=changes)
        _check_new_index(findings, cluster, store, config, plugins, timing.now())
        if ML_PLUGIN in plugins:
            _check_models(findings, cluster, config)
            former = _set(findings, cluster, config, changes=changes)
    return Readiness(
        alias=config.alias,
        cluster=about,
        problems=tuple(findings.problems),
        warnings=tuple(findings.warnings),
        swept=tuple(swept),
        left=tuple(findings.left),
        former_settings=former,
    )


def _check_access(findings: Findings, cluster: Cluster, config: CorpusConfig) -> dict[str, list[str]]:
    """Gives the plugins."""
    plugins = _plugins(findings, cluster, config)
    if not plugins or SECURITY in plugins:
        with findings.checking():
            check_permissions(findings, cluster, config)
    return plugins


def _check_new_index(
    findings: Findings,
    cluster: Cluster,
    store: Store,
    config: CorpusConfig,
    plugins: dict[str, list[str]],
    now: datetime,
) -> None:
    """The trial comes last: what is known to refuse it is not said twice."""
    before = len(findings.problems)
    with findings.checking():
        states = index_states(cluster, config.alias)
        findings.warnings += states.warnings
        for words in states.problems:
            findings.problem(words, BuildError)
    with findings.checking():
        check_disk(findings, cluster)
    with findings.checking():
        for hindrance in hindrances(cluster, config):
            findings.problem(hindrance.message, type(hindrance))
    with findings.checking():
        check_fields(findings, cluster, store, config)
    if len(findings.problems) == before:
        with findings.checking():
            findings.warnings += try_unread(cluster, config, now)
        with findings.checking():
            try_fields(findings, cluster, store, config, now)
    if POLICIES_PLUGIN in plugins:
        with findings.checking():
            findings.warnings += policy_warnings(cluster, config.alias)


def _plugins(findings: Findings, cluster: Cluster, config: CorpusConfig) -> dict[str, list[str]]:
    """Empty where we may not ask: that permission is named with the others that are missing."""
    with findings.checking():
        try:
            plugins = installed_plugins(cluster)
        except AccessError:
            return {}
        check_plugins(findings, plugins, config)
        return plugins
    return {}


def _check_models(findings: Findings, cluster: Cluster, config: CorpusConfig) -> None:
    with findings.checking():
        problem = settings_problem(cluster, config)
        if problem is not None:
            findings.problem(problem, ConfigError)
    lives = [life_of(field) for field in config.vector_fields.values()]
    before = len(findings.problems)
    for life in lives:
        with findings.checking():
            findings.warnings += filter(None, [life.require_usable(cluster)])
    if len(findings.problems) == before:
        with findings.checking():
            default_pipeline(cluster, config)
    check_golden(findings, cluster, config)
    unserved = why_unserved(config)
    if unserved is not None:
        findings.warning(unserved)
    wanted = len(sources_of(lives))
    if wanted:
        with findings.checking():
            check_model_places(findings, cluster, wanted)


def _set(findings: Findings, cluster: Cluster, config: CorpusConfig, *, changes: bool) -> Former:
    """Last of all: where something is wrong, there is no run that could tell what was set. Gives the former values."""
    if config.cluster_settings == "check" or findings.problems:
        return {}
    with findings.checking():
        if changes:
            return ensure_settings(cluster, config)
        missing = missing_settings(cluster, config)
        if missing:
            findings.warning(f"The next run sets {', '.join(missing)} (`cluster_settings: ensure`).")
    return {}
